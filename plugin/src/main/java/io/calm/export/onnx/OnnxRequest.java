package io.calm.export.onnx;

import io.calm.export.ExportException;
import io.calm.model.ModelSpec;
import io.calm.runtime.KvType;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The options of an export as the user gave them.
 *
 * @param engine engine of DJL that is to load the model
 * @param batch sequences per run; with a value, all shapes are fixed
 * @param chunk tokens of a sequence per run; with a value, all shapes are fixed
 * @param context number of positions
 * @param keys type of the keys and values: float16, or empty for float32
 */
public record OnnxRequest(
    OnnxEngine engine,
    OptionalInt batch,
    OptionalInt chunk,
    OptionalInt context,
    Optional<KvType> keys) {
  private static final int FIXED_CONTEXT = 2048;
  private static final int TABLE_CONTEXT = 32768;

  /**
   * Returns the form of the export of a model of these sizes.
   *
   * @throws ExportException if the model has no such positions
   */
  OnnxOptions resolve(ModelSpec spec) {
    boolean fixed = engine == OnnxEngine.TENSOR_RT || batch.isPresent() || chunk.isPresent();
    int positions =
        context.orElse(Math.min(spec.maxContext(), fixed ? FIXED_CONTEXT : TABLE_CONTEXT));
    if (positions > spec.maxContext()) {
      throw ExportException.refused(
          "--context",
          "at most %d, the model's context".formatted(spec.maxContext()),
          positions,
          "choose a smaller one");
    }
    int tokens = chunk.orElse(1);
    if (tokens > positions) {
      throw ExportException.refused(
          "--chunk",
          "at most %d, the value of --context".formatted(positions),
          tokens,
          "choose a smaller one");
    }
    Optional<FixedShape> shape =
        fixed ? Optional.of(new FixedShape(batch.orElse(1), tokens, positions)) : Optional.empty();
    return new OnnxOptions(engine, shape, positions, keys);
  }
}
