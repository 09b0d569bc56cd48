package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.runtime.RotaryTable;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Rotary grouped-query attention of one block over whole windows, causal and optionally sliding. In
 * a quantized block, keys and values are rounded to float16 as the decoders store them.
 */
final class Attention implements AutoCloseable {
  private final TorchRuntime runtime;
  private final NDArray cos;
  private final NDArray sin;
  private final NDArray mask;
  private final NDArray asHalf;
  private final NDArray epsilon;
  private final List<NDArray> headNorms;

  Attention(
      TorchRuntime runtime,
      ModelSpec spec,
      int layer,
      int length,
      BlockParameters<?> block,
      boolean quantized,
      NDArray epsilon) {
    this.runtime = runtime;
    this.epsilon = epsilon;
    int headDim = spec.headDim();
    float[] cosines = new float[length * headDim];
    float[] sines = new float[length * headDim];
    fillRotations(RotaryTable.of(spec.rope(), headDim), length, cosines, sines);
    this.cos = runtime.manager().create(cosines, new Shape(length, headDim));
    this.sin = runtime.manager().create(sines, new Shape(length, headDim));
    this.mask = causalMask(length, spec.windows().get(layer));
    this.asHalf = runtime.manager().create(new float[quantized ? 1 : 0]);
    this.headNorms = new ArrayList<>();
    if (spec.headNorms()) {
      headNorms.add(runtime.array(block.norm(NormRole.Q_HEAD)));
      headNorms.add(runtime.array(block.norm(NormRole.K_HEAD)));
    }
  }

  /** Fills [T, headDim], each pair's value at i and at i + headDim/2. */
  private static void fillRotations(RotaryTable table, int length, float[] cosines, float[] sines) {
    int pairs = table.pairs();
    for (int t = 0; t < length; t++) {
      int at = t * 2 * pairs;
      table.fill(t, cosines, sines, at);
      System.arraycopy(cosines, at, cosines, at + pairs, pairs);
      System.arraycopy(sines, at, sines, at + pairs, pairs);
    }
  }

  private NDArray causalMask(int length, int window) {
    ByteBuffer bytes = ByteBuffer.allocateDirect(length * length);
    for (int t = 0; t < length; t++) {
      int first = window == 0 ? 0 : Math.max(0, t - window + 1);
      for (int s = first; s <= t; s++) {
        bytes.put(t * length + s, (byte) 1);
      }
    }
    return runtime.manager().create(bytes, new Shape(length, length), DataType.BOOLEAN);
  }

  /** Returns the concatenated heads of a chunk, [windows, T, heads * headDim]. */
  NDArray run(NDArray q, NDArray k, NDArray v) {
    return headNorms.isEmpty()
        ? runtime.call("attention", q, k, v, cos, sin, mask, asHalf)
        : runtime.call(
            "attention_head_norms",
            q,
            k,
            v,
            cos,
            sin,
            mask,
            asHalf,
            headNorms.get(0),
            headNorms.get(1),
            epsilon);
  }

  @Override
  public void close() {
    cos.close();
    sin.close();
    mask.close();
    asHalf.close();
    headNorms.forEach(NDArray::close);
  }
}
