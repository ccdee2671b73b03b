using Detox.Mpi.Messaging;

if (args is [MpiProbe.Verb, var library]) return MpiProbe.RunChild(library);
Console.WriteLine("detox");
return 0;
