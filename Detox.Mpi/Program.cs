using Detox.Mpi.Commands;
using Detox.Mpi.Messaging;

// A child of doctor, kept apart from the command line: a library that crashes must harm nobody else.
if (args is [MpiProbe.Verb, var library]) return MpiProbe.RunChild(library);

return DetoxCommand.Run(args);
