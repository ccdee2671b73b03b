using System.Reflection;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Tests.Ptx;

/// <summary>The block of bytes that the driver takes for a kernel's parameters, and the buffers to which it points.</summary>
/// <remarks>ILGPU lowers a view to a pointer and a length, and a structure to its fields, each at the alignment of its widest number,
/// as C would lay them out; a parameter begins where the one before has ended, aligned in the same way.</remarks>
internal sealed class KernelArguments
{
    private readonly List<byte> _bytes = [];
    private readonly List<(nint Address, long Bytes)> _buffers = [];

    /// <param name="values">The arguments one by one, or the one structure that holds them.</param>
    public KernelArguments(params object[] values)
    {
        foreach (object value in values) Write(value);
    }

    public ReadOnlySpan<byte> Bytes => CollectionsMarshal.AsSpan(_bytes);

    /// <summary>The memory of every view among the arguments.</summary>
    public IReadOnlyList<(nint Address, long Bytes)> Buffers => _buffers;

    private static bool IsView(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ArrayView<>);

    private static IEnumerable<FieldInfo> Fields(Type type)
        => type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).OrderBy(field => field.MetadataToken);

    private static int Alignment(Type type)
    {
        if (IsView(type)) return sizeof(long);
        if (type.IsPrimitive || type.IsEnum) return Size(type);
        return Fields(type).Select(field => Alignment(field.FieldType)).DefaultIfEmpty(1).Max();
    }

    private static int Size(Type type) => Type.GetTypeCode(type) switch
    {
        TypeCode.Byte or TypeCode.SByte => 1,
        TypeCode.Int16 or TypeCode.UInt16 => 2,
        TypeCode.Int32 or TypeCode.UInt32 or TypeCode.Single => 4,
        TypeCode.Int64 or TypeCode.UInt64 or TypeCode.Double => 8,
        _ => throw new ArgumentException($"{type} is no argument of a kernel here: numbers, views and structures of them are"),
    };

    private static (nint Address, long Bytes) Memory<T>(ArrayView<T> view)
        where T : unmanaged => view.Length == 0 ? default : (view.LoadEffectiveAddressAsPtr(), view.LengthInBytes);

    private void Write(object value)
    {
        Type type = value.GetType();
        if (!type.IsValueType) throw new ArgumentException($"{type} is no argument of a kernel here: numbers, views and structures of them are");
        Align(Alignment(type));
        if (IsView(type))
        {
            MethodInfo memory = ((Func<ArrayView<int>, (nint, long)>)Memory).Method.GetGenericMethodDefinition().MakeGenericMethod(type.GetGenericArguments());
            (nint address, long bytes) = ((nint, long))memory.Invoke(null, [value])!;
            if (bytes > 0) _buffers.Add((address, bytes));
            _bytes.AddRange(BitConverter.GetBytes((long)address));
            _bytes.AddRange(BitConverter.GetBytes(((IArrayView)value).Length));
        }
        else if (type.IsPrimitive || type.IsEnum)
        {
            byte[] bytes = new byte[Size(type)];
            GCHandle handle = GCHandle.Alloc(Convert.ChangeType(value, Type.GetTypeCode(type)), GCHandleType.Pinned);
            Marshal.Copy(handle.AddrOfPinnedObject(), bytes, 0, bytes.Length);
            handle.Free();
            _bytes.AddRange(bytes);
        }
        else
        {
            foreach (FieldInfo field in Fields(type)) Write(field.GetValue(value)!);
            Align(Alignment(type));
        }
    }

    private void Align(int alignment)
    {
        while (_bytes.Count % alignment != 0) _bytes.Add(0);
    }
}
