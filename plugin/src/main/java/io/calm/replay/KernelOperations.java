package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.kernels.BlockKernels;
import io.calm.kernels.NativeKernels;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.runtime.RotaryTable;
import io.calm.tensor.Parallel;
import java.nio.ByteBuffer;
import java.util.function.Consumer;

/**
 * The operations of a block on the native kernels. Those of a W4A8 block have the bits of a decoder
 * step over float16 keys and values; a full-precision block keeps them in float32.
 */
final class KernelOperations implements BlockOperations {
  private final TorchRuntime runtime;
  private final BlockKernels kernels;
  private final Parallel parallel;
  private final boolean quantized;
  private final float epsilon;
  private final BlockKernels.Windows windows;

  KernelOperations(
      TorchRuntime runtime,
      BlockKernels kernels,
      Parallel parallel,
      ModelSpec spec,
      int layer,
      int length,
      BlockParameters<?> block,
      boolean quantized) {
    this.quantized = quantized;
    this.runtime = runtime;
    this.kernels = kernels;
    this.parallel = parallel;
    this.epsilon = spec.rmsEpsilon();
    boolean headNorms = spec.headNorms();
    this.windows =
        new BlockKernels.Windows(
            spec.heads(),
            spec.kvHeads(),
            spec.headDim(),
            length,
            spec.windows().get(layer),
            epsilon,
            rotations(RotaryTable.of(spec.rope(), spec.headDim()), length),
            headNorms ? NativeKernels.floats(block.norm(NormRole.Q_HEAD)) : null,
            headNorms ? NativeKernels.floats(block.norm(NormRole.K_HEAD)) : null);
  }

  /** Returns [T, 2, pairs]: cosines, then sines. */
  private static ByteBuffer rotations(RotaryTable table, int length) {
    int pairs = table.pairs();
    float[] cosines = new float[pairs];
    float[] sines = new float[pairs];
    float[] all = new float[length * 2 * pairs];
    for (int t = 0; t < length; t++) {
      table.fill(t, cosines, sines, 0);
      System.arraycopy(cosines, 0, all, 2 * t * pairs, pairs);
      System.arraycopy(sines, 0, all, (2 * t + 1) * pairs, pairs);
    }
    return NativeKernels.floats(all);
  }

  /** Returns a new array of the shape of {@code x} that {@code fill} has written. */
  private NDArray like(NDArray x, Consumer<ByteBuffer> fill) {
    return runtime.filled(x.getShape(), y -> fill.accept(memory(y)));
  }

  private static ByteBuffer memory(NDArray x) {
    return x.toByteBuffer(true);
  }

  @Override
  public NDArray norm(NDArray x, float[] weight) {
    int rows = Math.toIntExact(x.size() / weight.length);
    ByteBuffer w = NativeKernels.floats(weight);
    return like(x, y -> kernels.norm(memory(x), w, epsilon, weight.length, rows, y, parallel));
  }

  @Override
  public NDArray attention(NDArray q, NDArray k, NDArray v) {
    int count = Math.toIntExact(q.getShape().get(0));
    return like(
        q,
        y ->
            kernels.attend(
                windows, !quantized, count, memory(q), memory(k), memory(v), y, parallel));
  }

  @Override
  public NDArray gate(NDArray gate, NDArray up) {
    int size = Math.toIntExact(gate.size());
    return like(gate, y -> kernels.gate(memory(gate), memory(up), size, y, parallel));
  }

  @Override
  public NDArray add(NDArray x, NDArray y) {
    kernels.add(memory(x), memory(y), Math.toIntExact(x.size()), parallel);
    return x;
  }

  @Override
  public void close() {
    // Memory goes with its last reference.
  }
}
