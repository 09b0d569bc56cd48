package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.kernels.JavaSearchKernels;
import io.calm.kernels.KernelVariants;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.quant.Compute;
import io.calm.quant.rtn.RtnQuantizer;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceHead;
import io.calm.replay.ReferenceModel;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import io.calm.testing.DequantizedBlock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The topology of each family against the full-precision forward, which is held to Hugging Face
 * transformers, on the same 4-bit weights: only the rounding of activations is between them. What
 * is exact about it is tested elsewhere.
 */
class JavaDecoderGoldenTest {
  @ParameterizedTest
  @MethodSource("io.calm.checkpoint.Goldens#families")
  void logitsAreCloseToTheFullPrecisionForwardOfTheSameWeights(String family) throws IOException {
    int[] tokens = Goldens.tokens(family);
    try (Checkpoint checkpoint = Checkpoints.open(Goldens.path(family))) {
      QuantizedModel model = quantize(checkpoint);
      Matrix expected = reference(checkpoint, model, tokens);
      float[][] logits = decode(model, tokens);
      float[] row = new float[expected.columns()];
      double worst = 1;
      for (int t = 0; t < tokens.length; t++) {
        expected.readRow(t, row);
        worst = Math.min(worst, cosine(row, logits[t]));
      }
      assertTrue(worst > 0.98, family + ": least cosine of a row " + worst);
    }
  }

  private static float[][] decode(QuantizedModel model, int[] tokens) {
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 1, Decodes.BLOCKS)) {
      return Decodes.all(decoder, tokens);
    }
  }

  /** Runs the dequantized blocks in float32. */
  private static Matrix reference(Checkpoint checkpoint, QuantizedModel quantized, int[] tokens) {
    try (TorchRuntime torch =
        TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels())) {
      ReferenceModel model = new ReferenceModel(torch, checkpoint);
      HiddenStates states = model.embed(List.of(tokens));
      for (int layer = 0; layer < quantized.blocks().size(); layer++) {
        BlockParameters<QuantizedLinear> block = quantized.blocks().get(layer);
        HiddenStates next = model.block(layer, states, DequantizedBlock.of(block));
        states.close();
        states = next;
      }
      try (HiddenStates normalized = model.finalNorm(states);
          ReferenceHead head = model.head();
          Matrix rows = normalized.toMatrix()) {
        return head.logits(rows).copy();
      } finally {
        states.close();
      }
    }
  }

  private static double cosine(float[] a, float[] b) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
    return ab / Math.sqrt(aa * bb);
  }

  private static QuantizedModel quantize(Checkpoint checkpoint) {
    ModelSpec spec = checkpoint.spec();
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
    try (Parallel parallel = new Parallel(1)) {
      Compute compute = new Compute(parallel, new JavaSearchKernels());
      for (int layer = 0; layer < spec.layers(); layer++) {
        blocks.add(RtnQuantizer.quantize(checkpoint.block(layer), 32, compute));
      }
    }
    return new QuantizedModel(
        spec,
        blocks,
        table(spec, checkpoint.embeddingRows(0, spec.vocabulary())),
        table(spec, checkpoint.headRows(0, spec.vocabulary())),
        checkpoint.finalNorm(),
        ActivationMode.PER_GROUP);
  }

  private static TokenTable table(ModelSpec spec, Matrix rows) {
    return TokenTableBuilder.float32(spec.vocabulary(), spec.hidden(), ByteBuffer::allocateDirect)
        .add(rows)
        .build();
  }
}
