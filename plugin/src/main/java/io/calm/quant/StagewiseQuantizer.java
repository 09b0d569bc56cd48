package io.calm.quant;

import io.calm.model.BlockParameters;
import io.calm.model.FoldSite;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;
import io.calm.model.Stage;
import io.calm.tensor.Packing;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * An algorithm that combines a fold and a rounding, applied to the block's stages in order. Each
 * stage sees the same inputs as the served module: the outputs of the candidate's own earlier W4A8
 * linears.
 *
 * <p>A fold into v or up is applied after these were rounded ({@link DividedRows}).
 */
public class StagewiseQuantizer implements Quantizer {
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
  public final Result quantize(BlockSample sample) {
    Candidate candidate = new Candidate(sample.block());
    Map<String, String> detail = new LinkedHashMap<>();
    try (StageWalk walk = sample.walk()) {
      for (Stage stage : Stage.values()) {
        try (StageProblem problem = new StageProblem(sample, walk)) {
          if (fold.isPresent()) {
            Fold.Choice choice = fold.get().choose(problem);
            detail.put(stage.name().toLowerCase(Locale.ROOT), choice.detail());
            FoldSite site = problem.site();
            problem.scale(site.spread(choice.scales()));
            candidate.divideSource(stage, choice.scales());
          }
          if (rounding.needsGram() && walk.rows() < problem.weight().columns()) {
            detail.put(
                stage.name().toLowerCase(Locale.ROOT) + "-" + WARNING,
                "%d calibration tokens for %d inputs: X'X is singular and is shrunk towards its diagonal; raise calm.search.effort or calm.calibration.samples"
                    .formatted(walk.rows(), problem.weight().columns()));
          }
          Map<LinearRole, QuantizedMatrix> rounded =
              problem.unstack(rounding.round(problem.rounding()));
          candidate.linears.putAll(rounded);
          walk.advance(rounded, candidate.biases);
        }
      }
    }
    return new Result(candidate.pack(sample.compute().parallel()), detail);
  }

  /** The block, as far as its stages are complete. */
  private static final class Candidate {
    final Map<LinearRole, QuantizedMatrix> linears = new EnumMap<>(LinearRole.class);
    final Map<LinearRole, float[]> biases = new EnumMap<>(LinearRole.class);
    final Map<NormRole, float[]> norms = new EnumMap<>(NormRole.class);

    Candidate(BlockParameters<?> block) {
      block.biases().forEach((role, bias) -> biases.put(role, bias.clone()));
      block.norms().forEach((role, norm) -> norms.put(role, norm.clone()));
    }

    void divideSource(Stage stage, float[] scales) {
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

    BlockParameters<QuantizedLinear> pack(Parallel parallel) {
      Map<LinearRole, QuantizedLinear> packed = new EnumMap<>(LinearRole.class);
      linears.forEach((role, linear) -> packed.put(role, Packing.pack(linear, parallel)));
      return new BlockParameters<>(packed, biases, norms);
    }
  }
}
