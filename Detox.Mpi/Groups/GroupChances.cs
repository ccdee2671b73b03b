namespace Detox.Mpi.Groups;

/// <summary>What a group of r ranks ends in, by the number b of Byzantine ranks in it: for b = 0, 1, ..., r the probability of an outcome.</summary>
/// <remarks>Byzantine ranks collude: they cast one wrong ballot. Of the other ranks each errs by itself with the fault rate, once a step, and what it
/// casts then is equal to no other ballot: two memory faults do not give one vector. With m = (r+1)/2, b ranks that collude and i others that
/// err leave a majority of right ballots where b + i is below m, and a majority of wrong ones where b is at least m, or where m is 1 and anybody errs: then
/// the group is wrong. Else it is void. Colluders that are a majority may disagree as well, so that what they hold is void and not wrong.</remarks>
internal static class GroupChances
{
    /// <summary>That the winner is wrong.</summary>
    /// <param name="groupSize">r, odd.</param>
    /// <param name="faultRate">Of a rank in a step, 0 to 1.</param>
    public static double[] Wrong(int groupSize, double faultRate)
    {
        int majority = (groupSize + 1) / 2;
        double[] chances = new double[groupSize + 1];
        chances.AsSpan(majority).Fill(1);
        if (groupSize == 1) chances[0] = faultRate;
        return chances;
    }

    /// <summary>That no ballot has a majority: fewer than m of the Byzantine ranks, and of the other r - b at least m - b that err.</summary>
    public static double[] Void(int groupSize, double faultRate)
    {
        int majority = (groupSize + 1) / 2;
        double[] chances = new double[groupSize + 1];
        if (groupSize == 1 || faultRate == 0) return chances;
        if (faultRate == 1)
        {
            chances.AsSpan(0, majority).Fill(1);
            return chances;
        }

        // With X(n) of n ranks in error, P(X(n-1) >= k-1) = P(X(n) >= k) + (1 - rate) P(X(n-1) = k-1): nothing is subtracted, so small numbers keep their digits.
        double logFault = Math.Log(faultRate), logRight = Math.Log(1 - faultRate);
        double logTerm = majority * logFault + (groupSize - majority) * logRight;
        for (int i = 1; i <= majority; i++) logTerm += Math.Log((groupSize - majority + i) / (double)i);
        double log = logTerm, tail = 0;
        for (int k = majority; k <= groupSize; k++)
        {
            tail += Math.Exp(log);
            log += Math.Log((groupSize - k) / (k + 1.0)) + logFault - logRight;
        }

        for (int b = 0; b < majority; b++)
        {
            chances[b] = Math.Min(tail, 1);
            int n = groupSize - b, k = majority - b;

            // P(X(n-1) = k-1), from P(X(n) = k).
            logTerm += Math.Log(k / (double)n) - logFault;
            tail += (1 - faultRate) * Math.Exp(logTerm);
        }

        return chances;
    }
}
