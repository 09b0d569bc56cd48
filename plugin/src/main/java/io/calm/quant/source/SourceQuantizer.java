package io.calm.quant.source;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.Stage;
import io.calm.quant.BlockSample;
import io.calm.quant.NearestRounding;
import io.calm.quant.Quantizer;
import io.calm.quant.Rounding;
import io.calm.quant.RoundingProblem;
import io.calm.quant.StageLimits;
import io.calm.quant.StageProblem;
import io.calm.quant.StageQuantizer;
import io.calm.quant.StageResult;
import io.calm.quant.StageWalk;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Takes over the checkpoint's own 4-bit blocks of 32 (GGUF Q4_0, Q4_1 and Q4_K), which are W4A8
 * codes already. The other linears of a block, e.g. the Q6_K linears of a Q4_K_M file, are rounded
 * to the nearest codes, or with the rounding of a composition ({@code source+gptq}). Applies only
 * if the group limit is 32, so that a module's size does not depend on the algorithm.
 */
public final class SourceQuantizer implements Quantizer, StageQuantizer {
  private final String name;
  private final Optional<Rounding> rounding;
  private final String roundingName;

  /** Creates the algorithm that uses weights alone. */
  public SourceQuantizer() {
    this("source", Optional.empty(), "nearest codes");
  }

  /**
   * @param rounding rounding of the linears without stored codes, on their inputs; empty for the
   *     nearest codes
   * @param roundingName the name of that rounding in the plan
   */
  private SourceQuantizer(String name, Optional<Rounding> rounding, String roundingName) {
    this.name = name;
    this.rounding = rounding;
    this.roundingName = roundingName;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public boolean needsCalibration() {
    return rounding.isPresent();
  }

  @Override
  public boolean comparesStreams() {
    return rounding.map(Rounding::comparesStreams).orElse(false);
  }

  @Override
  public Optional<Quantizer> composedWith(Quantizer other, String composition) {
    return other
        .rounding()
        .map(
            rest ->
                other.needsCalibration()
                    ? new SourceQuantizer(composition, Optional.of(rest), other.name())
                    : new SourceQuantizer(composition, Optional.empty(), "nearest codes"));
  }

  @Override
  public Result quantize(BlockSample sample) {
    Map<String, String> warnings = new LinkedHashMap<>();
    Map<LinearRole, QuantizedMatrix> linears =
        rounding.isPresent()
            ? staged(sample, rounding.get(), warnings)
            : nearest(sample, List.of(LinearRole.values()));
    Parallel parallel = sample.compute().parallel();
    Map<LinearRole, QuantizedLinear> packed = new EnumMap<>(LinearRole.class);
    linears.forEach((role, linear) -> packed.put(role, Packing.pack(linear, parallel)));
    return new Result(
        new BlockParameters<>(packed, sample.block().biases(), sample.block().norms()),
        detail(sample, linears, warnings));
  }

  private Map<String, String> detail(
      BlockSample sample, Map<LinearRole, QuantizedMatrix> linears, Map<String, String> warnings) {
    Map<String, String> detail = WeightErrors.of(sample, linears).detail(roundingName);
    detail.putAll(warnings);
    return detail;
  }

  @Override
  public Optional<StageQuantizer> stages() {
    return Optional.of(this);
  }

  @Override
  public StageResult quantizeStage(BlockSample sample, StageWalk walk) {
    Map<String, String> warnings = new LinkedHashMap<>();
    Map<LinearRole, QuantizedMatrix> linears =
        rounding
            .map(rest -> staged(sample, walk, rest, warnings))
            .orElseGet(() -> nearest(sample, walk.stage().linears()));
    Map<String, String> detail = detail(sample, linears, warnings);
    detail.remove(WeightErrors.WHOLE); // of one stage only
    return new StageResult(linears, Optional.empty(), detail);
  }

  /** Takes or rounds linears from their weights alone. */
  private static Map<LinearRole, QuantizedMatrix> nearest(
      BlockSample sample, List<LinearRole> roles) {
    Map<LinearRole, QuantizedMatrix> linears = new EnumMap<>(LinearRole.class);
    for (LinearRole role : roles) {
      Matrix weight = sample.block().linear(role);
      linears.put(
          role,
          sample
              .source(role)
              .orElseGet(
                  () ->
                      NearestRounding.plain(
                          weight,
                          QuantizedLinear.groupFor(weight.columns(), sample.groupLimit()),
                          sample.compute(),
                          role.name())));
    }
    return linears;
  }

  /** Takes or rounds every linear, stage by stage, on the inputs after the earlier stages. */
  private static Map<LinearRole, QuantizedMatrix> staged(
      BlockSample sample, Rounding rounding, Map<String, String> warnings) {
    Map<LinearRole, QuantizedMatrix> linears = new EnumMap<>(LinearRole.class);
    try (StageWalk walk = sample.walk()) {
      for (int stage = 0; stage < Stage.values().length; stage++) {
        Map<LinearRole, QuantizedMatrix> done = staged(sample, walk, rounding, warnings);
        linears.putAll(done);
        walk.advance(done, sample.block().biases());
      }
    }
    return linears;
  }

  /**
   * Takes or rounds the linears of the walk's stage.
   *
   * @param warnings receives a warning of too few tokens
   */
  private static Map<LinearRole, QuantizedMatrix> staged(
      BlockSample sample, StageWalk walk, Rounding rounding, Map<String, String> warnings) {
    Map<LinearRole, QuantizedMatrix> done = new EnumMap<>(LinearRole.class);
    List<LinearRole> open = new ArrayList<>();
    for (LinearRole role : walk.stage().linears()) {
      sample.source(role).ifPresentOrElse(codes -> done.put(role, codes), () -> open.add(role));
    }
    if (!open.isEmpty()) {
      if (rounding.needsGram()) {
        StageLimits.requireGram(sample.spec(), walk.stage());
      }
      try (StageProblem problem = new StageProblem(sample, walk, open)) {
        RoundingProblem rounded = problem.rounding();
        if (rounding.needsGram()) {
          String key = walk.stage().name().toLowerCase(Locale.ROOT) + "-" + WARNING;
          rounded.tooFewTokens().ifPresent(few -> warnings.put(key, few));
        }
        done.putAll(problem.unstack(rounding.round(rounded)));
      }
    }
    return done;
  }
}
