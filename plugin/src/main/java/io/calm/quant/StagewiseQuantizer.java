package io.calm.quant;

import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * An algorithm that combines a fold and a rounding, applied to the block's stages in order. Each
 * stage sees the same inputs as the served module: the outputs of the candidate's own earlier W4A8
 * linears.
 */
public class StagewiseQuantizer implements Quantizer, StageQuantizer {
  private final String name;
  private final Optional<Fold> fold;
  private final Rounding rounding;

  public StagewiseQuantizer(String name, Optional<Fold> fold, Rounding rounding) {
    this.name = name;
    this.fold = fold;
    this.rounding = rounding;
  }

  @Override
  public final String name() {
    return name;
  }

  @Override
  public final Optional<Fold> fold() {
    return fold;
  }

  @Override
  public final Optional<Rounding> rounding() {
    return Optional.of(rounding);
  }

  @Override
  public final Optional<StageQuantizer> stages() {
    return Optional.of(this);
  }

  @Override
  public final void requireSize(ModelSpec spec, Stage stage) {
    StageLimits.requireStacked(spec, stage.linears());
    if (rounding.needsGram()) {
      StageLimits.requireGram(spec, stage);
    }
  }

  @Override
  public final Result quantize(BlockSample sample) {
    for (Stage stage : Stage.values()) { // before the work on earlier stages
      requireSize(sample.spec(), stage);
    }
    PartialBlock block = new PartialBlock(sample.block());
    Map<String, String> detail = new LinkedHashMap<>();
    try (StageWalk walk = sample.walk()) {
      for (Stage stage : Stage.values()) {
        StageResult result = quantizeStage(sample, walk);
        block = block.with(stage, result);
        detail.putAll(result.detail());
        walk.advance(result.linears(), block.biases());
      }
    }
    return new Result(block.pack(sample.compute().parallel()), detail);
  }

  @Override
  public final StageResult quantizeStage(BlockSample sample, StageWalk walk) {
    requireSize(sample.spec(), walk.stage());
    String stage = walk.stage().name().toLowerCase(Locale.ROOT);
    Map<String, String> detail = new LinkedHashMap<>();
    Optional<float[]> scales = Optional.empty();
    try (StageProblem problem = new StageProblem(sample, walk)) {
      if (fold.isPresent()) {
        Fold.Choice choice = fold.get().choose(problem, rounding);
        detail.put(stage, choice.detail());
        problem.scale(problem.site().spread(choice.scales()));
        scales = Optional.of(choice.scales());
      }
      RoundingProblem rounded = problem.rounding();
      if (rounding.needsGram()) {
        rounded.tooFewTokens().ifPresent(few -> detail.put(stage + "-" + WARNING, few));
      }
      return new StageResult(problem.unstack(rounding.round(rounded)), scales, detail);
    }
  }
}
