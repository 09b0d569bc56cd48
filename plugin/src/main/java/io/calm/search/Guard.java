package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.quant.Quantizer;
import io.calm.replay.HiddenStates;
import io.calm.search.Streams.Part;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;

/**
 * The last check of a mix, which protects against a mix that is worse than one algorithm alone.
 *
 * <p>The mix is served only if its KL divergence to the full-precision logits is below that of the
 * best uniform plan by at least the paired standard error of the difference. Both are measured on
 * sequences that neither fitting nor scoring has seen. {@link UniformRanking} tells which uniform
 * plan is the best; where two are close, both are made and judged.
 */
final class Guard {
  private final SearchContext context;
  private final ProgressMeter progress;

  Guard(SearchContext context, ProgressMeter progress) {
    this.context = context;
    this.progress = progress;
  }

  /**
   * Returns whether a comparison may take place, so that hidden states of the guard's part are
   * needed.
   */
  static boolean needed(SearchSettings settings) {
    return settings.guard() && settings.pool().size() > 1;
  }

  /**
   * Compares the mix with the best uniform plans and returns the variant to serve.
   *
   * @param choices the choices of the mix
   * @param inherited the error of each block before it is quantized, from the blocks before it
   * @param mix hidden states of the mix after the last block, with the guard's part if {@link
   *     #needed}
   * @param full full-precision hidden states after the last block, likewise
   * @param prefix the blocks that the mix shares with a uniform plan; the sink has them already
   * @param sink receives the remaining blocks of the uniform plans
   */
  Verdict judge(
      List<QuantPlan.BlockChoice> choices,
      List<Double> inherited,
      CalibrationSet set,
      Streams mix,
      Streams full,
      UniformPrefix prefix,
      BlockSink sink) {
    if (!context.settings().guard()) {
      return kept("the guard is off (calm.search.guard=false)");
    }
    UniformRanking ranking = UniformRanking.of(context.settings().pool(), choices, inherited);
    List<UniformRanking.Ranked> best = ranking.best();
    if (best.isEmpty()) {
      return kept("no algorithm alone could quantize every block");
    }
    Optional<String> only = QuantPlan.onlyAlgorithm(choices);
    List<UniformRanking.Ranked> others =
        best.stream().filter(ranked -> !only.equals(Optional.of(ranked.name()))).toList();
    if (others.isEmpty()) {
      return kept(
          best.get(0).name() + " was chosen in every block, so the mix is the best uniform plan");
    }
    try (Comparison comparison = new Comparison(only.isEmpty(), set, mix, full, prefix, sink)) {
      others.forEach(comparison::with);
      return comparison.verdict(ranking);
    }
  }

  private static Verdict kept(String reason) {
    return new Verdict(Search.MIX, reason, Optional.empty(), 0, Optional.empty());
  }

  /** The comparison of a mix with uniform plans, which are made one after the other. */
  private final class Comparison implements AutoCloseable {
    private final boolean mixed;
    private final CalibrationSet set;
    private final Streams mix;
    private final Streams full;
    private final UniformPrefix prefix;
    private final BlockSink sink;
    private final List<GuardRule.Rival> rivals = new ArrayList<>();
    private final List<String> failures = new ArrayList<>();
    private double[] mixKl = new double[0];
    private Optional<Streams> winner = Optional.empty();
    private int forwards;

    Comparison(
        boolean mixed,
        CalibrationSet set,
        Streams mix,
        Streams full,
        UniformPrefix prefix,
        BlockSink sink) {
      this.mixed = mixed;
      this.set = set;
      this.mix = mix;
      this.full = full;
      this.prefix = prefix;
      this.sink = sink;
    }

    /** Makes a uniform plan and measures it. Keeps its hidden states only if it may be served. */
    void with(UniformRanking.Ranked ranked) {
      Quantizer quantizer = ranked.quantizer();
      int first = prefix.layers(ranked.name());
      Streams stream =
          first > 0
              ? prefix.takeStream()
              : Streams.embed(context.model(), set, EnumSet.of(Part.FIT, Part.GUARD));
      boolean held = false;
      try {
        try (Streams fit = fullFit(quantizer, first)) {
          forwards +=
              new UniformPass(context, progress::guarding).run(quantizer, first, stream, fit, sink);
        }
        rivals.add(new GuardRule.Rival(ranked.name(), ranked.blockErrors(), divergences(stream)));
        QuantPlan.GuardResult so = GuardRule.decide(mixed, mixKl, rivals);
        held = !so.mixServed() && so.uniform().equals(ranked.name());
        if (held) {
          replaceWinner(Optional.of(stream));
        } else if (so.mixServed()) {
          replaceWinner(Optional.empty());
        }
      } catch (SearchException e) {
        failures.add(e.getMessage());
      } finally {
        if (!held) {
          stream.close();
        }
      }
    }

    /**
     * Returns the full-precision fit part in front of a block, if the quantizer compares with it.
     */
    private Streams fullFit(Quantizer quantizer, int first) {
      if (!quantizer.comparesStreams()) {
        return Streams.none();
      }
      return first > 0
          ? prefix.takeFull()
          : Streams.embed(context.model(), set, EnumSet.of(Part.FIT));
    }

    /** Returns the divergences of a uniform plan; measures those of the mix the first time. */
    private double[] divergences(Streams uniform) {
      try (HiddenStates reference = context.model().finalNorm(full.get(Part.GUARD));
          HiddenStates ofMix = context.model().finalNorm(mix.get(Part.GUARD));
          HiddenStates alone = context.model().finalNorm(uniform.get(Part.GUARD))) {
        if (mixKl.length > 0) {
          return context.model().klDivergences(reference, List.of(alone)).get(0);
        }
        List<double[]> both = context.model().klDivergences(reference, List.of(ofMix, alone));
        mixKl = both.get(0);
        return both.get(1);
      }
    }

    Verdict verdict(UniformRanking ranking) {
      if (rivals.isEmpty()) {
        return kept("the best uniform plan could not be made: " + String.join("; ", failures));
      }
      QuantPlan.GuardResult guard = GuardRule.decide(mixed, mixKl, rivals);
      GuardRule.requireFinite(guard);
      Optional<Streams> handedOn = winner;
      winner = Optional.empty();
      return new Verdict(
          guard.mixServed() ? Search.MIX : QuantPlan.uniform(guard.uniform()),
          GuardRule.reason(guard) + ranked(ranking),
          Optional.of(guard),
          forwards,
          handedOn);
    }

    /** Returns which uniform plans were compared, and why these. */
    private String ranked(UniformRanking ranking) {
      return "; summed block errors of the uniform plans: "
          + ranking.words()
          + (failures.isEmpty() ? "" : "; not made: " + String.join("; ", failures));
    }

    private void replaceWinner(Optional<Streams> other) {
      winner.ifPresent(Streams::close);
      winner = other;
    }

    @Override
    public void close() {
      winner.ifPresent(Streams::close);
    }
  }
}
