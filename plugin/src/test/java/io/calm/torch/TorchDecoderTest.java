package io.calm.torch;

import io.calm.model.ActivationMode;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.model.RopeSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import io.calm.runtime.RandomModels;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TorchDecoderTest {
  private static final RopeSpec ROPE = new RopeSpec(10000f, new RopeSpec.None());

  static List<ModelSpec> topologies() {
    return List.of(
        RandomModels.plain(),
        RandomModels.spec(
            4, 4, 26, ROPE, Set.of(LinearRole.Q, LinearRole.K, LinearRole.V), false, 0),
        RandomModels.spec(6, 1, 18, ROPE, Set.of(LinearRole.values()), true, 0),
        RandomModels.spec(4, 2, 32, new RopeSpec(1e6f, new RopeSpec.Linear(4)), Set.of(), false, 5),
        RandomModels.spec(
            3, 3, 32, new RopeSpec(5e5f, new RopeSpec.Llama3(8, 1, 4, 32)), Set.of(), true, 70));
  }

  @ParameterizedTest
  @MethodSource("topologies")
  void logits(ModelSpec spec) {
    for (KvType type : KvType.values())
    for (ActivationMode mode : ActivationMode.values()) {
      QuantizedModel model = RandomModels.model(spec, 32, mode, new Random(5));
      int[] tokens = new Random(6).ints(300, 0, 61).toArray();
      try (JavaDecoder java = new JavaDecoder(model, type, 2, 10);
          TorchDecoder torch = new TorchDecoder(model, type, 1, 10)) {
        float[][] expected = all(java, tokens);
        float[][] got = all(torch, tokens);
        int over = 0;
        double worst = 0;
        for (int t = 0; t < tokens.length; t++) {
          double d = 0, m = 0;
          for (int i = 0; i < 61; i++) {
            d = Math.max(d, Math.abs(expected[t][i] - got[t][i]));
            m = Math.max(m, Math.abs(expected[t][i]));
          }
          if (d / m > 1e-3) over++;
          worst = Math.max(worst, d / m);
        }
        System.out.println(type + " " + mode + " over " + over + " worst " + worst);
      }
    }
  }

  static float[][] all(Decoder decoder, int... tokens) {
    try (DecoderSequences.Sequence sequence = new DecoderSequences(decoder).open()) {
      return decoder.step(List.of(sequence.append(tokens, Wanted.ALL))).get(0).stream()
          .map(row -> row.values().clone())
          .toArray(float[][]::new);
    }
  }
}
