using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>How a product reaches the matrices that it reads and writes.</summary>
internal interface IAccess
{
    /// <summary>Whether four floats at a time, which begin at multiples of four.</summary>
    static abstract bool IsInFours { get; }
}

internal readonly struct OneByOne : IAccess
{
    public static bool IsInFours => false;
}

internal readonly struct InFours : IAccess
{
    public static bool IsInFours => true;
}

/// <summary>The factors of a product's rows, or of its columns, wherever they lie: those of one of them, term after term; or of four neighbours.</summary>
/// <remarks>A matrix may have more floats than an int counts. What a row or column of one product spans has not: its steps are ints
/// behind a view of where it begins.</remarks>
internal interface IFactors
{
    static abstract bool IsInFours { get; }

    /// <summary>Whether four at a time are those of four terms, and not of four rows or columns.</summary>
    static abstract bool AreTerms { get; }

    /// <summary>Goes to a term of a row or column.</summary>
    void Begin(int index, int term);

    /// <summary>The factor of this term.</summary>
    float Read();

    /// <summary>Whether there are factors at these sixteen terms; those that are not are +0.</summary>
    bool AreThere { get; }

    /// <summary>Four at so many terms from this one, or the four from there on.</summary>
    Four ReadFour(int ahead);

    void Skip(int terms);
}

/// <summary>What a thread brings of sixteen terms of one side: some four factors each, of terms of one row or column, or of four of those.</summary>
internal struct Share
{
    public Four A, B, C, D;

    /// <summary>The first row or column of the tile of which this thread brings factors.</summary>
    /// <param name="width">How many rows or columns the tile has.</param>
    public static int Index<TFactors>(int width)
        where TFactors : struct, IFactors
        => TFactors.AreTerms ? Group.IdxX & (width - 1) : (Group.IdxX & ((width / 4) - 1)) * 4;

    public static int FirstTerm<TFactors>(int width)
        where TFactors : struct, IFactors
        => TFactors.AreTerms ? Group.IdxX / width * (4 * Fours(width)) : Group.IdxX / (width / 4);

    /// <summary>Takes the share of the present sixteen terms and goes to the next ones.</summary>
    public static Share Take<TFactors>(ref TFactors factors, int width)
        where TFactors : struct, IFactors
    {
        Share share = default;
        int step = Step<TFactors>(width);
        if (!TFactors.IsInFours || factors.AreThere)
        {
            share.A = Next(ref factors, 0);
            if (width >= 64) share.B = Next(ref factors, step);
            if (width >= 128) share.C = Next(ref factors, 2 * step);
            if (width >= 128) share.D = Next(ref factors, 3 * step);
        }

        factors.Skip(TFactors.IsInFours ? TiledProduct.Depth : TiledProduct.Depth - (4 * Fours(width)));
        return share;
    }

    /// <summary>Takes the share of the last terms, and zeros.</summary>
    /// <param name="count">How many terms there are from this thread's first one on.</param>
    public static Share Take<TFactors>(ref TFactors factors, int width, int count)
        where TFactors : struct, IFactors
    {
        Share share = default;
        int step = Step<TFactors>(width);
        share.A = Next(ref factors, 0, count);
        if (width >= 64) share.B = Next(ref factors, step, count - step);
        if (width >= 128) share.C = Next(ref factors, 2 * step, count - (2 * step));
        if (width >= 128) share.D = Next(ref factors, 3 * step, count - (3 * step));
        return share;
    }

    /// <param name="to">The tile from this thread's first row or column and term on.</param>
    public readonly void Store<TFactors>(ArrayView<float> to, int width)
        where TFactors : struct, IFactors
    {
        int step = Step<TFactors>(width) * width;
        Store<TFactors>(A, to, width);
        if (width >= 64) Store<TFactors>(B, to.SubView(step), width);
        if (width >= 128) Store<TFactors>(C, to.SubView(2 * step), width);
        if (width >= 128) Store<TFactors>(D, to.SubView(3 * step), width);
    }

    private static int Fours(int width) => width * TiledProduct.Depth / 4 / TiledProduct.Threads;

    // Terms from one four to the next.
    private static int Step<TFactors>(int width)
        where TFactors : struct, IFactors
        => TFactors.AreTerms ? 4 : 4 * TiledProduct.Threads / width;

    private static Four Next<TFactors>(ref TFactors factors, int ahead)
        where TFactors : struct, IFactors
    {
        Four four = default;
        if (TFactors.IsInFours)
        {
            four = factors.ReadFour(ahead);
        }
        else
        {
            four.A = Next(ref factors);
            four.B = Next(ref factors);
            four.C = Next(ref factors);
            four.D = Next(ref factors);
        }

        return four;
    }

    // As many as there are, then zeros.
    private static Four Next<TFactors>(ref TFactors factors, int ahead, int count)
        where TFactors : struct, IFactors
    {
        Four four = default;
        if (TFactors.IsInFours)
        {
            if (count > 0 & factors.AreThere) four = factors.ReadFour(ahead);
        }
        else
        {
            if (count > 0) four.A = Next(ref factors);
            if (count > 1) four.B = Next(ref factors);
            if (count > 2) four.C = Next(ref factors);
            if (count > 3) four.D = Next(ref factors);
        }

        return four;
    }

    private static float Next<TFactors>(ref TFactors factors)
        where TFactors : struct, IFactors
    {
        float one = factors.Read();
        factors.Skip(1);
        return one;
    }

    private static void Store<TFactors>(Four four, ArrayView<float> to, int width)
        where TFactors : struct, IFactors
    {
        if (TFactors.AreTerms)
        {
            to[0] = four.A;
            to[width] = four.B;
            to[2 * width] = four.C;
            to[3 * width] = four.D;
        }
        else
        {
            four.Store(to, 0);
        }
    }
}

/// <summary>Terms side by side: rows of a left matrix, or of a right one that is turned.</summary>
internal struct Contiguous<TAccess>(ArrayView<float> memory, int length) : IFactors
    where TAccess : struct, IAccess
{
    private ArrayView<float> _from;
    private int _at;

    public static bool IsInFours => TAccess.IsInFours;

    public static bool AreTerms => true;

    public void Begin(int index, int term)
    {
        _from = memory.SubView((long)index * length);
        _at = term;
    }

    public readonly bool AreThere => true;

    public readonly float Read() => _from[_at];

    public readonly Four ReadFour(int ahead) => Four.Load(_from, _at + ahead);

    public void Skip(int terms) => _at += terms;
}

/// <summary>Terms one row apart: columns of a right matrix, or of a left one that is turned.</summary>
internal struct Strided<TAccess>(ArrayView<float> memory, int stride) : IFactors
    where TAccess : struct, IAccess
{
    private int _at;

    public static bool IsInFours => TAccess.IsInFours;

    public static bool AreTerms => !TAccess.IsInFours;

    public void Begin(int index, int term) => _at = index + (term * stride);

    public readonly bool AreThere => true;

    public readonly float Read() => memory[_at];

    public readonly Four ReadFour(int ahead) => Four.Load(memory, _at + (ahead * stride));

    public void Skip(int terms) => _at += terms * stride;
}
