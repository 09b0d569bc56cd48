package io.calm.checkpoint.hf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class HfTensorNamesTest {
  private static final HfTensorNames NAMES = HfTensorNames.INSTANCE;

  @Test
  void onlyTensorsOutsideTheBlocksCanBeIgnored() {
    List<String> numbers =
        List.of("0", "1", "9", "10", "11", "12", "100", "01", "-1", "+1", "", "a", "1a", "\u0661");
    List<String> names =
        List.of("model.layers.%s.x", "model.layers.%s", "model.layers%s.x", "layers.%s.x", "%s");
    for (int layers : new int[] {0, 1, 11, 12}) {
      for (String name : names) {
        for (String number : numbers) {
          String tensor = name.formatted(number);
          boolean inBlock =
              IntStream.range(0, layers).anyMatch(it -> tensor.startsWith(NAMES.block(it)));
          assertEquals(!inBlock, NAMES.canBeIgnored(tensor, layers), tensor + " of " + layers);
        }
      }
    }
    assertTrue(NAMES.canBeIgnored("model.layers.0.self_attn.rotary_emb.inv_freq", 1));
    assertTrue(NAMES.canBeIgnored("model.layers.99999999999999999999.x", 4096));
  }
}
