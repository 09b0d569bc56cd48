package io.calm.search;

import io.calm.cka.MetricReference;
import io.calm.cka.Score;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.Stage;
import io.calm.quant.BlockSample;
import io.calm.quant.Granularity;
import io.calm.quant.PartialBlock;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.quant.StageQuantizer;
import io.calm.quant.StageResult;
import io.calm.quant.StageWalk;
import io.calm.replay.BlockPass;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.Parallel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The search within one block: an algorithm for each of its parts ({@link Granularity}), in order.
 *
 * <p>Every algorithm quantizes a part on the inputs that the chosen earlier parts produce. Its
 * candidate runs on the score part of the calibration after the same earlier parts. Linears that
 * are still missing up to the residual stream run in full precision: o after a candidate for q, k
 * and v, and down after one for gate and up. The residual stream after attention, or after the
 * block, is then compared with that of the full-precision model.
 *
 * <p>While candidates run, a fold divides the input of its stage. The finished block has it in the
 * norm or the rows in front of the stage.
 */
final class PartSearch implements AutoCloseable {
  private final SearchContext context;
  private final ProgressMeter progress;
  private final int layer;
  private final BlockParameters<Matrix> block;
  private final BlockSample sample;
  private final Optional<StageInputs> full;
  private final SharedStages fit;
  private final BlockPass scored;
  private final Owned owned;
  private final List<QuantPlan.PartChoice> choices = new ArrayList<>();
  private final double start;
  private PartialBlock chosen;
  private double inherited;
  private int partialForwards;

  /**
   * Starts in front of the block.
   *
   * @param fit hidden states of the quantized prefix on the fit part
   * @param score the same on the score part
   * @param full the block in full precision on the fit part, if a quantizer compares streams
   */
  PartSearch(
      SearchContext context,
      ProgressMeter progress,
      int layer,
      BlockParameters<Matrix> block,
      HiddenStates fit,
      HiddenStates score,
      Optional<StageInputs> full) {
    this.context = context;
    this.progress = progress;
    this.layer = layer;
    this.block = block;
    this.sample = context.sample(layer, block, fit);
    this.full = full;
    try (Owned opening = new Owned()) {
      this.fit = new SharedStages(context.spec(), parallel(), pass(fit), full);
      opening.add(this.fit, this.fit::close);
      this.scored = pass(score);
      opening.add(scored, scored::close);
      this.owned = opening.handOver();
    }
    this.start = progress.seconds();
    this.chosen = new PartialBlock(block);
  }

  private BlockPass pass(HiddenStates states) {
    SearchSettings settings = context.settings();
    return new BlockPass(
        states,
        context.spec(),
        layer,
        block,
        Optional.of(settings.rounding()),
        settings.sinkThreshold());
  }

  private Parallel parallel() {
    return context.compute().parallel();
  }

  /** Returns the choices so far, in order. */
  List<QuantPlan.PartChoice> choices() {
    return choices;
  }

  /**
   * Returns the choice of the block; every part must be chosen.
   *
   * @param score the score of the finished block's output
   */
  QuantPlan.BlockChoice result(Score score) {
    QuantPlan.Candidate whole =
        CandidateScorer.candidate(
            score, "block %d".formatted(layer), progress.seconds() - start, Map.of());
    List<String> reasons = choices.stream().map(QuantPlan.PartChoice::reason).distinct().toList();
    return new QuantPlan.BlockChoice(
        layer,
        QuantPlan.Parts.name(choices),
        reasons.size() == 1 ? reasons.get(0) + " in each part" : String.join("; ", reasons),
        QuantPlan.Parts.together(choices),
        Optional.of(new QuantPlan.Parts(choices, whole)));
  }

  /** Returns the block; every part must be chosen. */
  PartialBlock chosen() {
    return chosen;
  }

  /** Returns the error that the parts have before they are quantized, summed. */
  double inherited() {
    return inherited;
  }

  /** Returns the number of partial block forwards that collected inputs of quantizers. */
  int partialForwards() {
    return partialForwards + fit.partialForwards();
  }

  /**
   * Chooses the algorithm of the next part. The codes of candidates are on the Java heap; those of
   * a candidate that has lost are dropped before the next algorithm runs.
   *
   * @param reference the residual stream after the half that the part belongs to
   * @return whether a candidate did not fail; if not, the search within the block is over
   */
  boolean choose(Granularity.Part part, MetricReference reference) {
    Map<String, QuantPlan.Candidate> candidates = new LinkedHashMap<>();
    try (Contenders<List<StageResult>> contenders =
        new Contenders<>(Choice.Ties.narrow(), stages -> {})) {
      List<Quantizer> pool = context.settings().pool();
      for (Quantizer quantizer : pool) {
        int index = choices.size() * pool.size() + candidates.size();
        progress.trying(layer, index, quantizer.name());
        QuantPlan.Candidate candidate = attempt(quantizer, part, reference, contenders);
        candidates.put(quantizer.name(), candidate);
        progress.evaluated(quantizer.name(), candidate.score());
      }
      return choose(part, reference, candidates, contenders);
    }
  }

  private boolean choose(
      Granularity.Part part,
      MetricReference reference,
      Map<String, QuantPlan.Candidate> candidates,
      Contenders<List<StageResult>> contenders) {
    Optional<Choice> choice = contenders.choice();
    if (choice.isEmpty()) {
      choices.add(new QuantPlan.PartChoice(part.name(), "", "every algorithm failed", candidates));
      return false;
    }
    if (Guard.needed(context.settings())) {
      inherited += inherited(part, reference);
    }
    String winner = context.settings().pool().get(choice.get().index()).name();
    choices.add(new QuantPlan.PartChoice(part.name(), winner, choice.get().reason(), candidates));
    take(part, contenders.take(choice.get()));
    return true;
  }

  /** Adds the result of an algorithm to the contenders, and returns its scores. */
  private QuantPlan.Candidate attempt(
      Quantizer quantizer,
      Granularity.Part part,
      MetricReference reference,
      Contenders<List<StageResult>> contenders) {
    context.trimHeap(layer);
    double start = progress.seconds();
    String where = "block %d, %s".formatted(layer, part.name());
    try {
      List<StageResult> stages = quantize(quantizer, part);
      Map<String, String> detail = new LinkedHashMap<>();
      stages.forEach(stage -> detail.putAll(stage.detail()));
      Score score = score(part, stages, reference);
      QuantPlan.Candidate candidate =
          CandidateScorer.candidate(score, where, progress.seconds() - start, detail);
      contenders.add(candidate, Optional.of(stages));
      return candidate;
    } catch (QuantizationException e) {
      String reason = "%s: %s".formatted(where, e.getMessage());
      QuantPlan.Candidate failed = CandidateScorer.failed(reason, progress.seconds() - start);
      contenders.add(failed, Optional.empty());
      return failed;
    }
  }

  private List<StageResult> quantize(Quantizer quantizer, Granularity.Part part) {
    StageQuantizer algorithm =
        quantizer
            .stages()
            .orElseThrow(
                () ->
                    new QuantizationException(
                        "%s quantizes whole blocks only; set calm.search.granularity=block or remove it from calm.pool"
                            .formatted(quantizer.name())));
    List<StageResult> results = new ArrayList<>();
    results.add(quantize(algorithm, fit));
    if (part.stages().size() == 1) {
      return results;
    }
    Optional<StageInputs> ownFull =
        quantizer.comparesStreams()
            ? full.map(stages -> at(stages, fit.stage()))
            : Optional.empty();
    try (Owned opened = new Owned()) {
      ownFull.ifPresent(stages -> opened.add(stages, stages::close));
      SharedStages own = fit.fork(ownFull);
      opened.add(own, own::close);
      PartialBlock partial = chosen;
      while (true) {
        StageResult last = results.get(results.size() - 1);
        partial = partial.with(own.stage(), last);
        if (results.size() == part.stages().size()) {
          partialForwards += own.partialForwards();
          return results;
        }
        own.take(last, partial.biases());
        results.add(quantize(algorithm, own));
      }
    }
  }

  private static StageInputs at(StageInputs stages, Stage stage) {
    stages.advanceTo(stage);
    return stages.fork();
  }

  private StageResult quantize(StageQuantizer algorithm, SharedStages stages) {
    try (StageWalk walk = stages.view()) {
      return algorithm.quantizeStage(sample, walk);
    }
  }

  /** Runs a candidate and compares the residual stream after its half. */
  private Score score(Granularity.Part part, List<StageResult> stages, MetricReference reference) {
    PartialBlock partial = chosen;
    try (BlockPass own = scored.fork()) {
      for (int i = 0; i < stages.size(); i++) {
        partial = partial.with(part.stages().get(i), stages.get(i));
        SharedStages.advance(context.spec(), own, stages.get(i), partial.biases(), parallel());
      }
      try (HiddenStates states = behindHalf(own, part);
          Matrix matrix = states.toMatrix()) {
        return reference.score(matrix);
      }
    }
  }

  /** Runs the missing linears of a half in full precision and returns the residual stream. */
  private HiddenStates behindHalf(BlockPass pass, Granularity.Part part) {
    List<Stage> half = half(part);
    while (pass.stage().filter(half::contains).isPresent()) {
      pass.advanceUnrounded(block.linears(), block.biases());
    }
    return pass.residualStream();
  }

  private static List<Stage> half(Granularity.Part part) {
    return Granularity.HALF.parts().stream()
        .map(Granularity.Part::stages)
        .filter(stages -> stages.containsAll(part.stages()))
        .findFirst()
        .orElseThrow();
  }

  /** Returns the error after a half whose part in question is not quantized. */
  private double inherited(Granularity.Part part, MetricReference reference) {
    try (BlockPass own = scored.fork();
        HiddenStates states = behindHalf(own, part)) {
      return CandidateScorer.inherited(reference, states);
    }
  }

  private void take(Granularity.Part part, List<StageResult> stages) {
    for (int i = 0; i < stages.size(); i++) {
      Stage stage = part.stages().get(i);
      StageResult result = stages.get(i);
      chosen = chosen.with(stage, result);
      Map<LinearRole, float[]> biases = chosen.biases();
      fit.take(result, biases);
      if (stage != Stage.MLP_OUT) {
        SharedStages.advance(context.spec(), scored, result, biases, parallel());
      }
    }
  }

  @Override
  public void close() {
    owned.close();
  }
}
