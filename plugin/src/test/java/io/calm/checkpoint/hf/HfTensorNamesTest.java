package io.calm.checkpoint.hf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.checkpoint.storage.TensorNames.Surplus;
import java.util.List;
import org.junit.jupiter.api.Test;

class HfTensorNamesTest {
  private static final HfTensorNames NAMES = HfTensorNames.INSTANCE;

  private static Surplus surplus(String name, int layers) {
    return NAMES.surplus(name, layers, 0);
  }

  @Test
  void everyTensorOfABlockIsRequiredAlsoBeyondTheLast() {
    List<String> blocks = List.of("0", "1", "9", "10", "11", "12", "100", "999999999");
    List<String> others = List.of("01", "-1", "+1", "", "a", "1a", "\u0661", "9".repeat(20));
    for (int layers : new int[] {0, 1, 11, 12}) {
      for (String block : blocks) {
        assertEquals(Surplus.REQUIRED, surplus("model.layers." + block + ".x", layers), block);
        assertEquals(Surplus.UNKNOWN, surplus("model.layers." + block, layers), block);
        assertEquals(Surplus.UNKNOWN, surplus("layers." + block + ".x", layers), block);
      }
      for (String other : others) {
        assertEquals(Surplus.UNKNOWN, surplus("model.layers." + other + ".x", layers), other);
      }
    }
  }

  @Test
  void blocksThatPredictTokensAheadAreRedundant() {
    assertEquals(Surplus.REQUIRED, NAMES.surplus("model.layers.3.eh_proj.weight", 4, 2));
    assertEquals(Surplus.REDUNDANT, NAMES.surplus("model.layers.4.eh_proj.weight", 4, 2));
    assertEquals(Surplus.REDUNDANT, NAMES.surplus("model.layers.5.eh_proj.weight", 4, 2));
    assertEquals(Surplus.REQUIRED, NAMES.surplus("model.layers.6.eh_proj.weight", 4, 2));
    assertEquals(
        Surplus.REDUNDANT, NAMES.surplus("model.layers.999999999.x", 4, Integer.MAX_VALUE));
  }

  @Test
  void tensorsOfTheTablesAndTheFinalNormAreRequired() {
    for (String name :
        List.of(
            "lm_head.bias", "lm_head.weight_scale", "model.norm.bias", "model.embed_tokens.x")) {
      assertEquals(Surplus.REQUIRED, surplus(name, 4), name);
    }
    for (String name : List.of("lm_head.weight", "model.layers.0.self_attn.rotary_emb.inv_freq")) {
      assertEquals(Surplus.REDUNDANT, surplus(name, 4), name);
    }
    assertEquals(Surplus.UNKNOWN, surplus("zzz", 4));
  }
}
