using ILGPU;
using ILGPU.Backends;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;

namespace Detox.Gpu.Kernels;

/// <summary>The operations of floats that kernels for GPUs are made of, each rounded once and to the nearest, on every device.</summary>
/// <remarks>A compiler for a GPU may fuse a bare product with the sum that it feeds, which changes bits. So kernels name what
/// they mean: fma.rn, mul.rn and add.rn in PTX; in OpenCL C a product is an fma with -0, which nothing can be fused with.
/// OpenCL rounds a quotient of floats only roughly, but one of doubles correctly, and the quotient of two floats, taken in
/// double and rounded to float, is the correctly rounded one.</remarks>
internal static class Portable
{
    [IntrinsicImplementation]
    public static float Fma(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    [IntrinsicImplementation]
    public static float Multiply(float a, float b) => a * b;

    [IntrinsicImplementation]
    public static float Add(float a, float b) => a + b;

    public static float Subtract(float a, float b) => Add(a, -b);

    public static float Divide(float a, float b) => (float)((double)a / b);

    /// <summary>In double, like the quotient, and for its reason.</summary>
    public static float Sqrt(float a) => (float)Math.Sqrt((double)a);

    public static bool IsNaN(float value) => (BitConverter.SingleToInt32Bits(value) & int.MaxValue) > 0x7F800000;

    /// <summary>+0 or -0.</summary>
    public static bool IsZero(float value) => (BitConverter.SingleToInt32Bits(value) & int.MaxValue) == 0;

    /// <summary>a &lt; b, which is false for a NaN: said by bits, since compilers for GPUs turn conditions round without
    /// regard to NaN.</summary>
    public static bool Less(float a, float b) => !IsNaN(a) & !IsNaN(b) & (a < b);

    public static bool IsFinite(float value) => (BitConverter.SingleToInt32Bits(value) & 0x7F800000) != 0x7F800000;

    /// <summary>Tells a context's compilers how these operations are written.</summary>
    public static void Register(Context.Builder builder)
    {
        IntrinsicImplementationManager manager = builder.GetIntrinsicManager();
        foreach (string name in (ReadOnlySpan<string>)[nameof(Fma), nameof(Multiply), nameof(Add)])
        {
            System.Reflection.MethodInfo method = typeof(Portable).GetMethod(name)!;
            manager.RegisterMethod(method, new CLIntrinsic(typeof(Portable), $"{name}OpenCl", IntrinsicImplementationMode.GenerateCode));
            manager.RegisterMethod(method, new PTXIntrinsic(typeof(Portable), $"{name}Ptx", IntrinsicImplementationMode.GenerateCode));
        }
    }

    // Found by their names, by the compilers.
    private static void FmaOpenCl(CLBackend backend, CLCodeGenerator generator, Value value) => Call(generator, value, "fma", 3, null);

    private static void MultiplyOpenCl(CLBackend backend, CLCodeGenerator generator, Value value) => Call(generator, value, "fma", 2, "-0.0f");

    private static void AddOpenCl(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        VariableAllocator.Variable target = generator.Allocate(value);
        using CLCodeGenerator.StatementEmitter statement = generator.BeginStatement(target);
        statement.Append(generator.Load(value[0]));
        statement.AppendCommand('+');
        statement.Append(generator.Load(value[1]));
    }

    private static void FmaPtx(PTXBackend backend, PTXCodeGenerator generator, Value value) => Emit(generator, value, "fma.rn.f32", 3);

    private static void MultiplyPtx(PTXBackend backend, PTXCodeGenerator generator, Value value) => Emit(generator, value, "mul.rn.f32", 2);

    private static void AddPtx(PTXBackend backend, PTXCodeGenerator generator, Value value) => Emit(generator, value, "add.rn.f32", 2);

    private static void Call(CLCodeGenerator generator, Value value, string function, int arguments, string? constant)
    {
        VariableAllocator.Variable target = generator.Allocate(value);
        using CLCodeGenerator.StatementEmitter statement = generator.BeginStatement(target);
        statement.AppendCommand(function);
        statement.BeginArguments();
        for (int i = 0; i < arguments; i++) statement.AppendArgument(generator.Load(value[i]));
        if (constant is not null)
        {
            statement.AppendArgument();
            statement.AppendCommand(constant);
        }

        statement.EndArguments();
    }

    private static void Emit(PTXCodeGenerator generator, Value value, string instruction, int arguments)
    {
        var target = generator.AllocateHardware(value);
        using PTXCodeGenerator.CommandEmitter command = generator.BeginCommand(instruction, null);
        command.AppendArgument(target);
        for (int i = 0; i < arguments; i++) command.AppendArgument(generator.LoadPrimitive(value[i]));
    }
}
