package io.calm.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.checkpoint.Goldens;
import io.calm.model.QuantizedModel;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Logits;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.DecoderSequences.Sequence;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every family of models in 4 bits: logits and greedy continuation of the Java decoder. */
class TorchGoldenTest {
  private static final int BLOCKS = 4;
  private static final int NEW_TOKENS = 24;

  @BeforeAll
  static void onX86() {
    ExactBits.assume();
  }

  @ParameterizedTest
  @MethodSource("io.calm.checkpoint.Goldens#families")
  void logitsAndGreedyContinuationAreThoseOfTheJavaDecoder(String family) throws IOException {
    check(family);
  }

  @Test
  @Tag("gpu")
  void onACudaDeviceTheyAreThoseOfTheJavaDecoderToo() throws IOException {
    assumeTrue(CudaDevice.usable(1), "no CUDA device that the PyTorch engine can use");
    for (String family : Goldens.families().toList()) {
      check(family);
    }
  }

  private static void check(String family) throws IOException {
    QuantizedModel model = GoldenModels.model(family, 32);
    int[] prompt = Goldens.tokens(family);
    try (JavaDecoder java = new JavaDecoder(model, KvType.FLOAT16, 2, BLOCKS);
        TorchDecoder torch = new TorchDecoder(model, KvType.FLOAT16, 1, BLOCKS)) {
      Continuation expected = Continuation.of(java, prompt);
      Continuation got = Continuation.of(torch, prompt);
      assertEquals(expected.tokens(), got.tokens(), family);
      for (int t = 0; t < expected.logits().size(); t++) {
        assertArrayEquals(expected.logits().get(t), got.logits().get(t), family + ", row " + t);
      }
    }
  }

  /** The logits of a prompt and of its greedy continuation. */
  private record Continuation(List<Integer> tokens, List<float[]> logits) {
    static Continuation of(Decoder decoder, int[] prompt) {
      List<Integer> tokens = new ArrayList<>();
      List<float[]> logits = new ArrayList<>();
      int[] next = prompt;
      Sequence sequence = new DecoderSequences(decoder).open();
      for (int i = 0; i < NEW_TOKENS; i++) {
        List<Logits> rows = decoder.step(List.of(sequence.append(next, Wanted.ALL))).get(0);
        rows.forEach(row -> logits.add(row.values().clone()));
        next = new int[] {largest(logits.get(logits.size() - 1))};
        tokens.add(next[0]);
      }
      return new Continuation(tokens, logits);
    }

    private static int largest(float[] values) {
      int best = 0;
      for (int i = 1; i < values.length; i++) {
        best = values[i] > values[best] ? i : best;
      }
      return best;
    }
  }
}
