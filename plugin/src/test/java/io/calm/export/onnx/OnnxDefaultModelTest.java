package io.calm.export.onnx;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.export.ExportProgress;
import io.calm.model.BlockParameters;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.Decoders;
import io.calm.runtime.KvType;
import io.calm.settings.CalmSettings;
import io.calm.tensor.QuantizedLinear;
import io.calm.testing.SmolLm2;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The default model in ONNX Runtime, against the decoder that serves it.
 *
 * <p>Thirty blocks round some 100,000 activations per token, and a last bit decides some of the
 * codes. Another order of sums therefore gives other logits. The measure is a decoder whose norm
 * weights differ in their last bit: the export may differ from the decoder as much as that one
 * does.
 */
class OnnxDefaultModelTest {
  private static final int TOKENS = 64;
  private static final OnnxOptions OPTIONS =
      new OnnxOptions(OnnxEngine.ONNX_RUNTIME, Optional.empty(), 256, Optional.of(KvType.FLOAT16));

  @TempDir private Path directory;

  @Test
  void differsFromTheDecoderAsALastBitDoes() throws Exception {
    CalmSettings settings =
        CalmSettings.of(
            Map.of(
                "calm.algorithm", "source",
                "calm.lm-head", "int8",
                "calm.cache-dir", directory.resolve("cache").toString()),
            Map.of());
    try (Checkpoint checkpoint = Checkpoints.open(SmolLm2.fileOrSkip());
        Artifact artifact = new QuantizedModelStore(settings).get(checkpoint, progress -> {})) {
      QuantizedModel model = artifact.model();
      int[] tokens = greedy(model, checkpoint.tokenizer().encode("The capital of France is", true));
      float[][] expected = decode(model, tokens);
      Difference lastBit = Difference.between(expected, decode(lastBitsChanged(model), tokens));
      Difference exported = Difference.between(expected, exported(model, tokens));
      String figures = "last bit: %s; ONNX Runtime: %s".formatted(lastBit, exported);
      System.out.println("onnx: SmolLM2: " + figures);
      assertTrue(exported.mean() <= 2 * lastBit.mean() + 1e-3, figures);
      assertTrue(exported.sameChoices() >= TOKENS * 3 / 4, figures);
    }
  }

  private float[][] exported(QuantizedModel model, int... tokens) throws Exception {
    Path export = Files.createDirectory(directory.resolve("export"));
    OnnxModelWriter.write(model, OPTIONS, Map.of(), export, ExportProgress.NONE);
    try (OrtModel exported = new OrtModel(export, model.spec(), OPTIONS)) {
      return exported.decode(tokens.length, tokens);
    }
  }

  /** Returns the prompt and its greedy continuation, which is {@link #TOKENS} long. */
  private static int[] greedy(QuantizedModel model, int... prompt) {
    int[] tokens = Arrays.copyOf(prompt, prompt.length + TOKENS);
    try (Decoder decoder = decoder(model);
        DecoderSequences.Sequence sequence = new DecoderSequences(decoder).open()) {
      int[] next = prompt;
      for (int i = prompt.length; i < tokens.length; i++) {
        Decoder.Chunk chunk = sequence.append(next, Decoder.Wanted.LAST);
        tokens[i] = largest(decoder.step(List.of(chunk)).get(0).get(0).values());
        next = new int[] {tokens[i]};
      }
    }
    return tokens;
  }

  private static float[][] decode(QuantizedModel model, int... tokens) {
    try (Decoder decoder = decoder(model);
        DecoderSequences.Sequence sequence = new DecoderSequences(decoder).open()) {
      return decoder.step(List.of(sequence.append(tokens, Decoder.Wanted.ALL))).get(0).stream()
          .map(row -> row.values().clone())
          .toArray(float[][]::new);
    }
  }

  private static Decoder decoder(QuantizedModel model) {
    return Decoders.open(
        model,
        new Decoders.Settings(Decoders.AUTO, KvType.FLOAT16, 2),
        Decoder.blocksFor(2 * TOKENS));
  }

  /** Returns the model with some norm weights one unit in the last place larger. */
  private static QuantizedModel lastBitsChanged(QuantizedModel model) {
    Random random = new Random(5);
    List<BlockParameters<QuantizedLinear>> blocks =
        model.blocks().stream().map(block -> lastBitsChanged(block, random)).toList();
    return new QuantizedModel(
        model.spec(),
        blocks,
        model.embeddings(),
        model.head(),
        model.finalNorm(),
        model.activation(),
        model.lifetime());
  }

  private static BlockParameters<QuantizedLinear> lastBitsChanged(
      BlockParameters<QuantizedLinear> block, Random random) {
    Map<NormRole, float[]> norms = new EnumMap<>(NormRole.class);
    block
        .norms()
        .forEach(
            (role, weight) -> {
              float[] changed = weight.clone();
              for (int i = 0; i < changed.length; i++) {
                changed[i] = random.nextBoolean() ? Math.nextUp(changed[i]) : changed[i];
              }
              norms.put(role, changed);
            });
    return new BlockParameters<>(block.linears(), block.biases(), norms);
  }

  private static int largest(float[] logits) {
    int best = 0;
    for (int v = 1; v < logits.length; v++) {
      best = logits[v] > logits[best] ? v : best;
    }
    return best;
  }

  /**
   * The difference of logits.
   *
   * @param mean of the rows' largest errors, each as a part of the row's largest logit
   * @param sameChoices rows with the same largest logit
   * @param rows number of rows
   */
  private record Difference(double mean, int sameChoices, int rows) {
    static Difference between(float[][] expected, float[][] got) {
      double sum = 0;
      int same = 0;
      for (int t = 0; t < expected.length; t++) {
        double worst = 0;
        for (int v = 0; v < expected[t].length; v++) {
          worst = Math.max(worst, Math.abs((double) expected[t][v] - got[t][v]));
        }
        sum += worst / Math.abs(expected[t][largest(expected[t])]);
        same += largest(expected[t]) == largest(got[t]) ? 1 : 0;
      }
      return new Difference(sum / expected.length, same, expected.length);
    }

    @Override
    public String toString() {
      return "mean error %.1e of the largest logit, %d of %d choices equal"
          .formatted(mean, sameChoices, rows);
    }
  }
}
