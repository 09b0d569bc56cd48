package io.calm.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The config.json of models that come from GGUF files. */
class HuggingFaceConfigTest {

  private static ModelSpec spec(
      String architecture,
      Set<LinearRole> biases,
      RopeSpec.Scaling scaling,
      List<Integer> windows) {
    return new ModelSpec(
        architecture,
        128,
        2,
        2,
        1,
        64,
        96,
        100,
        131072,
        1e-5f,
        new RopeSpec(500000, scaling),
        false,
        biases,
        architecture.equals("qwen3"),
        windows);
  }

  private static ModelSpec spec(RopeSpec.Scaling scaling) {
    return spec("llama", Set.of(), scaling, List.of(0, 0));
  }

  private static JsonObject scaling(RopeSpec.Scaling scaling) {
    return HuggingFaceConfig.of(spec(scaling)).getAsJsonObject("rope_scaling");
  }

  private static void requireRefused(ModelSpec spec, String part) {
    ExportException e = assertThrows(ExportException.class, () -> HuggingFaceConfig.of(spec));
    assertTrue(String.valueOf(e.getMessage()).contains(part), e.getMessage());
  }

  @Test
  void specialTokensHaveOneOrderSoThatTwoExportsAreTheSame() {
    Map<String, Object> metadata =
        Map.of(
            "tokenizer.ggml.tokens", List.of("a", "b", "c", "d"),
            "tokenizer.ggml.padding_token_id", 3L,
            "tokenizer.ggml.unknown_token_id", 2L,
            "tokenizer.ggml.eos_token_id", 1L,
            "tokenizer.ggml.bos_token_id", 0L);
    JsonObject config = HuggingFaceFiles.tokenizerConfig(spec(new RopeSpec.None()), metadata);
    assertEquals(
        List.of("bos_token", "eos_token", "unk_token", "pad_token"),
        config.keySet().stream().filter(key -> key.endsWith("_token")).toList());
    assertEquals("d", config.get("pad_token").getAsString());
  }

  @Test
  void sizesAndNamesAreThoseOfTransformers() {
    JsonObject config = HuggingFaceConfig.of(spec(new RopeSpec.None()));
    assertEquals("LlamaForCausalLM", config.getAsJsonArray("architectures").get(0).getAsString());
    assertEquals(64, config.get("head_dim").getAsInt());
    assertEquals("1.0E-5", config.get("rms_norm_eps").getAsString());
    assertFalse(config.has("rope_scaling"));
    assertFalse(config.get("attention_bias").getAsBoolean());
  }

  /** GGUF has a divisor for each frequency; transformers has the formula of LLaMA 3. */
  @Test
  void llama3IsRecognizedByItsDivisors() {
    for (float factor : new float[] {8, 32}) {
      RopeSpec.Llama3 llama3 = new RopeSpec.Llama3(factor, 1, 4, 8192);
      float[] divisors = RopeDivisors.of(llama3, 500000, 64);
      JsonObject json = scaling(new RopeSpec.Factors(divisors));
      assertEquals("llama3", json.get("rope_type").getAsString());
      assertEquals(factor, json.get("factor").getAsFloat());
      assertEquals(8192, json.get("original_max_position_embeddings").getAsInt());
      divisors[20] *= 1.01f;
      requireRefused(spec(new RopeSpec.Factors(divisors)), "rotary factors of LLaMA 3.1 or 3.2");
    }
  }

  @Test
  void linearAndYarnAreThereWithAllTheirValues() {
    assertEquals(
        "{\"rope_type\":\"linear\",\"factor\":4.0}", scaling(new RopeSpec.Linear(4)).toString());
    JsonObject yarn = scaling(new RopeSpec.Yarn(4, 32, 1, 32768, 1.5f, true));
    assertEquals("yarn", yarn.get("rope_type").getAsString());
    assertEquals(1.5f, yarn.get("attention_factor").getAsFloat());
    assertEquals(32768, yarn.get("original_max_position_embeddings").getAsInt());
    assertTrue(yarn.get("truncate").getAsBoolean());
    assertEquals(
        "{\"rope_type\":\"yarn\",\"factor\":4.0,\"beta_fast\":16.0,\"beta_slow\":2.0,"
            + "\"attention_factor\":0.5,\"original_max_position_embeddings\":32,"
            + "\"truncate\":false}",
        scaling(new RopeSpec.Yarn(4, 16, 2, 32, 0.5f, false)).toString());
  }

  @Test
  void aBiasOfOneLinearIsAFlagForAllOfItsKind() {
    Set<LinearRole> some = Set.of(LinearRole.Q, LinearRole.UP);
    ModelSpec llama = spec("llama", some, new RopeSpec.None(), List.of(0, 0));
    assertEquals(Set.of(LinearRole.values()), HuggingFaceConfig.biases(llama));
    assertTrue(HuggingFaceConfig.of(llama).get("attention_bias").getAsBoolean());
    assertTrue(HuggingFaceConfig.of(llama).get("mlp_bias").getAsBoolean());
    requireRefused(spec("qwen2", some, new RopeSpec.None(), List.of(0, 0)), "biases");
    requireRefused(spec("qwen3", some, new RopeSpec.None(), List.of(0, 0)), "biases");
    requireRefused(spec("llama", some, new RopeSpec.None(), List.of(8, 8)), "biases");
  }

  @Test
  void windowsAreThoseOfMistralOrOfSomeQwenBlocks() {
    JsonObject mistral =
        HuggingFaceConfig.of(spec("llama", Set.of(), new RopeSpec.None(), List.of(8, 8)));
    assertEquals("mistral", mistral.get("model_type").getAsString());
    assertEquals(8, mistral.get("sliding_window").getAsInt());
    JsonObject qwen =
        HuggingFaceConfig.of(spec("qwen3", Set.of(), new RopeSpec.None(), List.of(0, 8)));
    assertEquals(
        "[\"full_attention\",\"sliding_attention\"]",
        qwen.getAsJsonArray("layer_types").toString());
    requireRefused(
        spec("qwen3", Set.of(), new RopeSpec.None(), List.of(4, 8)), "one window for all blocks");
    requireRefused(
        spec("llama", Set.of(), new RopeSpec.None(), List.of(0, 8)), "one window for all blocks");
  }
}
