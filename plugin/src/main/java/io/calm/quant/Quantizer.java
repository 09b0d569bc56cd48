package io.calm.quant;

import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.tensor.QuantizedLinear;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A post-training quantization algorithm: full-precision block in, W4A8 block out. Pure; loaded
 * through {@link java.util.ServiceLoader}, so an implementation is a public class with a public
 * constructor without arguments. Stateless and thread safe.
 */
public interface Quantizer {
  /** End of the key of a {@link Result#detail} that warns. */
  String WARNING = "warning";

  /** Returns the name in settings, plans and metrics, e.g. {@code gptq}. */
  String name();

  /**
   * Returns whether the algorithm looks at inputs on calibration tokens. One that does not uses
   * weights alone, never {@link BlockSample#walk} and {@link BlockSample#algebra}, and a uniform
   * plan of it needs neither calibration nor an engine.
   */
  default boolean needsCalibration() {
    return true;
  }

  /** Returns the algorithm's choice of scales, for compositions; empty if it has none. */
  default Optional<Fold> fold() {
    return Optional.empty();
  }

  /** Returns the algorithm's rounding of weights, for compositions; empty if it has none. */
  default Optional<Rounding> rounding() {
    return Optional.empty();
  }

  /** Returns whether the algorithm compares with the full-precision hidden states. */
  default boolean comparesStreams() {
    return rounding().map(Rounding::comparesStreams).orElse(false);
  }

  /**
   * Returns this algorithm with the rounding of another, called {@code name}; empty if there is no
   * such composition. By default, that is the fold of this algorithm followed by the rounding.
   */
  default Optional<Quantizer> composedWith(Quantizer other, String name) {
    return fold().isPresent()
        ? other.rounding().map(rounding -> new StagewiseQuantizer(name, fold(), rounding))
        : Optional.empty();
  }

  /**
   * Returns the algorithm's work on a single stage, for searches that choose per stage or half;
   * empty if it quantizes only whole blocks. {@link #quantize} must give the bits of this work on
   * all stages in order.
   */
  default Optional<StageQuantizer> stages() {
    return Optional.empty();
  }

  /**
   * Requires that the algorithm can work on a stage of this size. A search whose pool cannot is
   * refused before it starts. By default, every size is possible.
   *
   * @throws QuantizationException if it cannot; the message names the linear and what to use
   */
  default void requireSize(ModelSpec spec, Stage stage) {}

  /**
   * Quantizes one block.
   *
   * @throws QuantizationException if the numbers do not allow it; the message names the linear
   */
  Result quantize(BlockSample sample);

  /**
   * A W4A8 block: packed linears, and the norms and biases that folds have changed.
   *
   * @param detail findings for people to read, e.g. chosen exponents; keeps its order
   */
  record Result(BlockParameters<QuantizedLinear> block, Map<String, String> detail) {
    public Result {
      detail = Collections.unmodifiableMap(new LinkedHashMap<>(detail));
    }
  }
}
