package io.calm.quant;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;
import io.calm.model.Stage;
import io.calm.tensor.Packing;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import java.util.EnumMap;
import java.util.Map;

/**
 * A W4A8 block whose stages are added in order. Immutable.
 *
 * <p>A fold into v or up is applied after these were rounded ({@link DividedRows}).
 */
public final class PartialBlock {
  private final Map<LinearRole, QuantizedMatrix> linears;
  private final Map<LinearRole, float[]> biases;
  private final Map<NormRole, float[]> norms;

  /** Creates a block without stages, with the biases and norms of the full-precision one. */
  public PartialBlock(BlockParameters<?> block) {
    this(Map.of(), block.biases(), block.norms());
  }

  private PartialBlock(
      Map<LinearRole, QuantizedMatrix> linears,
      Map<LinearRole, float[]> biases,
      Map<NormRole, float[]> norms) {
    this.linears = linears;
    this.biases = biases;
    this.norms = norms;
  }

  /** Returns the biases, folds of the stages so far included. */
  public Map<LinearRole, float[]> biases() {
    return biases;
  }

  /**
   * Returns this block with another stage, the fold of which changes what is in front of it.
   *
   * @throws QuantizationException if the fold pushes a grid out of float16
   */
  public PartialBlock with(Stage stage, StageResult result) {
    Map<LinearRole, QuantizedMatrix> allLinears = new EnumMap<>(LinearRole.class);
    allLinears.putAll(linears);
    PartialBlock next =
        new PartialBlock(allLinears, copy(LinearRole.class, biases), copy(NormRole.class, norms));
    result.scales().ifPresent(scales -> next.divideSource(stage, scales));
    allLinears.putAll(result.linears());
    return next;
  }

  private static <K extends Enum<K>> Map<K, float[]> copy(Class<K> type, Map<K, float[]> values) {
    Map<K, float[]> copy = new EnumMap<>(type);
    values.forEach((role, value) -> copy.put(role, value.clone()));
    return copy;
  }

  private void divideSource(Stage stage, float[] scales) {
    switch (stage) {
      case ATTENTION_IN -> divide(norms.get(NormRole.ATTENTION), scales);
      case MLP_IN -> divide(norms.get(NormRole.MLP), scales);
      case ATTENTION_OUT -> divideRows(LinearRole.V, scales);
      case MLP_OUT -> divideRows(LinearRole.UP, scales);
    }
  }

  private static void divide(float @org.jspecify.annotations.Nullable [] values, float[] by) {
    if (values != null) {
      for (int i = 0; i < values.length; i++) {
        values[i] /= by[i];
      }
    }
  }

  private void divideRows(LinearRole role, float[] scales) {
    divide(biases.get(role), scales);
    linears.computeIfPresent(role, (r, linear) -> DividedRows.of(linear, scales, r.name()));
  }

  /** Returns the packed block. All stages must be there. */
  public BlockParameters<QuantizedLinear> pack(Parallel parallel) {
    Map<LinearRole, QuantizedLinear> packed = new EnumMap<>(LinearRole.class);
    linears.forEach((role, linear) -> packed.put(role, Packing.pack(linear, parallel)));
    return new BlockParameters<>(packed, biases, norms);
  }
}
