package io.calm.serving.load;

import io.calm.checkpoint.Checkpoint;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.quant.QuantizationException;
import io.calm.search.BlockSink;
import io.calm.search.QuantPlan;
import io.calm.serving.settings.CalmSettings;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The plan of a checkpoint whose own 4-bit blocks are the modules: without weight error there is
 * nothing to search, so neither calibration nor PyTorch is needed.
 */
final class SourcePlan {
  private static final String NAME = "source";
  private static final String REASON =
      "the checkpoint's own 4-bit blocks are W4A8 modules as they stand: no weight error, so no"
          + " other algorithm was tried";

  private SourcePlan() {}

  static QuantPlan make(Checkpoint checkpoint, int group, CalmSettings settings, BlockSink sink) {
    long start = System.nanoTime();
    List<QuantPlan.BlockChoice> choices = new ArrayList<>();
    String variant = QuantPlan.uniform(NAME);
    for (int layer = 0; layer < checkpoint.spec().layers(); layer++) {
      sink.block(variant, layer, block(checkpoint, layer));
      choices.add(new QuantPlan.BlockChoice(layer, NAME, REASON, Map.of()));
    }
    return new QuantPlan(
        choices,
        List.of(NAME),
        variant,
        REASON,
        group,
        settings.metric().setting(),
        0,
        0,
        0,
        0,
        0,
        Optional.empty(),
        new QuantPlan.Calibration("none", 0, 0, 0, 0, 0, List.of()),
        (System.nanoTime() - start) / 1e9);
  }

  private static BlockParameters<QuantizedLinear> block(Checkpoint checkpoint, int layer) {
    Map<LinearRole, QuantizedLinear> linears = new EnumMap<>(LinearRole.class);
    for (LinearRole role : LinearRole.values()) {
      linears.put(
          role,
          Packing.pack(
              checkpoint
                  .sourceCodes(layer, role)
                  .orElseThrow(
                      () ->
                          new QuantizationException(
                              "block %d, linear %s: no 4-bit blocks".formatted(layer, role)))));
    }
    BlockParameters<Matrix> full = checkpoint.block(layer);
    full.linears().values().forEach(Matrix::close);
    return new BlockParameters<>(linears, full.biases(), full.norms());
  }
}
