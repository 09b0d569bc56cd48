package io.calm.checkpoint.hf;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Goldens;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HfSpecTest {
  private static final Set<LinearRole> QKV = Set.of(LinearRole.Q, LinearRole.K, LinearRole.V);
  private static final String SIZES =
      "\"hidden_size\": 64, \"num_hidden_layers\": 4, \"num_attention_heads\": 4,"
          + " \"intermediate_size\": 96, \"vocab_size\": 100";

  private static final String KV = ", \"num_key_value_heads\": 2";

  @TempDir private Path directory;

  private ModelSpec spec(String modelType, String more) throws IOException {
    String json = "{\"model_type\": \"%s\", %s %s}".formatted(modelType, SIZES, more);
    return HfSpec.read(
        ConfigFields.read(Files.writeString(directory.resolve("config.json"), json)));
  }

  private RopeSpec rope(String more) throws IOException {
    return spec("llama", more).rope();
  }

  private static ModelSpec golden(String family) {
    return HfSpec.read(ConfigFields.read(Goldens.path(family + "/config.json")));
  }

  private static ModelSpec expected(
      String architecture, int headDim, RopeSpec rope, boolean tied, int window) {
    return new ModelSpec(
        architecture,
        64,
        3,
        4,
        2,
        headDim,
        160,
        2048,
        512,
        1e-5f,
        rope,
        tied,
        architecture.equals("qwen2") ? QKV : Set.of(),
        architecture.equals("qwen3"),
        Collections.nCopies(3, window));
  }

  private static RopeSpec plain(float theta) {
    return new RopeSpec(theta, new RopeSpec.None());
  }

  @Test
  void goldenConfigsOfBothStyles() {
    ModelSpec llama = expected("llama", 16, plain(10000), false, 0);
    assertEquals(llama, golden("llama-gqa"));
    assertEquals(llama, golden("llama-sharded-f16"));
    RopeSpec scaled = new RopeSpec(500000, new RopeSpec.Llama3(8, 1, 4, 32));
    assertEquals(expected("llama", 16, scaled, true, 0), golden("llama3-rope-scaled"));
    assertEquals(expected("mistral", 16, plain(1e6f), false, 16), golden("mistral-sliding-window"));
    assertEquals(expected("qwen2", 16, plain(1e6f), true, 0), golden("qwen2-bias"));
    assertEquals(expected("qwen3", 32, plain(1e6f), false, 0), golden("qwen3-qknorm"));
  }

  @ParameterizedTest
  @CsvSource({"llama,4,16,2048", "mistral,8,16,131072", "qwen2,32,16,32768", "qwen3,32,128,32768"})
  void absentKeysHaveTheDefaultsOfTransformers(
      String type, int keyValueHeads, int headDim, int context) throws IOException {
    String heads = "\"num_attention_heads\": 4";
    String json = "{\"model_type\": \"%s\", %s}".formatted(type, SIZES);
    json = json.replace(heads, "\"num_attention_heads\": " + Math.max(4, keyValueHeads));
    json =
        json.replace("\"hidden_size\": 64", "\"hidden_size\": " + 16 * Math.max(4, keyValueHeads));
    ModelSpec spec =
        HfSpec.read(ConfigFields.read(Files.writeString(directory.resolve("config.json"), json)));
    assertEquals(keyValueHeads, spec.kvHeads());
    assertEquals(headDim, spec.headDim());
    assertEquals(context, spec.maxContext());
    assertEquals(1e-6f, spec.rmsEpsilon());
    assertEquals(plain(10000), spec.rope());
    assertFalse(spec.tiedEmbeddings());
    assertEquals(type.equals("mistral") ? 4096 : 0, spec.windows().get(3));
  }

  @Test
  void biasesFollowTheConfig() throws IOException {
    Set<LinearRole> attention = Set.of(LinearRole.Q, LinearRole.K, LinearRole.V, LinearRole.O);
    Set<LinearRole> mlp = Set.of(LinearRole.GATE, LinearRole.UP, LinearRole.DOWN);
    assertEquals(attention, spec("llama", ", \"attention_bias\": true").biases());
    assertEquals(mlp, spec("llama", ", \"mlp_bias\": true").biases());
    assertEquals(QKV, spec("qwen2", KV).biases());
    assertEquals(attention, spec("qwen3", KV + ", \"attention_bias\": true").biases());
  }

  @Test
  void rotaryScalingsInBothStyles() throws IOException {
    assertEquals(
        new RopeSpec(5000, new RopeSpec.Linear(2)),
        rope(", \"rope_theta\": 5000, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}"));
    assertEquals(
        new RopeSpec(5000, new RopeSpec.Linear(2)),
        rope(
            ", \"rope_parameters\":"
                + " {\"rope_theta\": 5000, \"rope_type\": \"linear\", \"factor\": 2}"));
    assertEquals(
        new RopeSpec(
            10000, new RopeSpec.Yarn(4, 32, 1, 1024, (float) (0.1 * Math.log(4) + 1), true)),
        rope(
            ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4,"
                + " \"original_max_position_embeddings\": 1024}"));
    assertEquals(
        new RopeSpec(10000, new RopeSpec.Yarn(8, 16, 2, 2048, 1.5f, false)),
        rope(
            ", \"rope_parameters\": {\"rope_type\": \"yarn\", \"factor\": 8, \"beta_fast\": 16,"
                + " \"beta_slow\": 2, \"attention_factor\": 1.5, \"truncate\": false}"));
    assertEquals(
        4096,
        spec(
                "llama",
                ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4,"
                    + " \"original_max_position_embeddings\": 1024}")
            .maxContext());
  }

  @Test
  void yarnMagnitudesOfDeepSeekStyle() throws IOException {
    RopeSpec.Scaling scaling =
        rope(", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 40, \"mscale\": 1.0,"
                + " \"mscale_all_dim\": 0.5, \"original_max_position_embeddings\": 512}")
            .scaling();
    double ratio = (0.1 * Math.log(40) + 1) / (0.05 * Math.log(40) + 1);
    assertEquals(new RopeSpec.Yarn(40, 32, 1, 512, (float) ratio, true), scaling);
  }

  @Test
  void windowsOfQwen() throws IOException {
    String sliding = KV + ", \"use_sliding_window\": true, \"sliding_window\": 32";
    assertEquals(
        List.of(0, 0, 32, 32), spec("qwen2", sliding + ", \"max_window_layers\": 2").windows());
    assertEquals(
        List.of(0, 0, 0, 0),
        spec("qwen2", KV + ", \"sliding_window\": 32, \"max_window_layers\": 2").windows());
    assertEquals(
        List.of(32, 0, 32, 0),
        spec(
                "qwen3",
                sliding
                    + ", \"layer_types\": [\"sliding_attention\", \"full_attention\","
                    + " \"sliding_attention\", \"full_attention\"]")
            .windows());
    assertTrue(
        spec("mistral", KV + ", \"sliding_window\": null").windows().stream()
            .allMatch(window -> window == 0));
  }

  /** transformers loads a Mistral with layer_types as its class Ministral. */
  @Test
  void windowsOfMistralByBlock() throws IOException {
    String sliding = KV + ", \"sliding_window\": 32";
    assertEquals(List.of(32, 32, 32, 32), spec("mistral", sliding).windows());
    assertEquals(
        List.of(0, 32, 32, 32),
        spec(
                "mistral",
                sliding
                    + ", \"layer_types\": [\"full_attention\", \"sliding_attention\","
                    + " \"sliding_attention\", \"sliding_attention\"]")
            .windows());
  }

  @Test
  void whatIsNotSupportedIsNamed() {
    assertRefused(
        () -> spec("mixtral", ""), "key architectures", "mixtral", "LlamaForCausalLM", "Qwen3");
    assertRefused(
        () -> spec("qwen2", ", \"architectures\": [\"Qwen2ForSequenceClassification\"]"),
        "Qwen2ForSequenceClassification");
    assertRefused(() -> spec("llama", ", \"hidden_act\": \"gelu\""), "hidden_act", "gelu", "silu");
    assertRefused(
        () -> spec("llama", ", \"quantization_config\": {\"quant_method\": \"gptq\"}"),
        "quantization_config",
        "use the original model");
    assertRefused(
        () -> rope(", \"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 2}"),
        "rope_scaling",
        "dynamic",
        "yarn");
    assertRefused(() -> rope(", \"rope_scaling\": {\"type\": \"linear\"}"), "factor", "nothing");
    assertRefused(() -> rope(", \"rope_theta\": 0"), "rope_theta", "1.0 to", "got 0.0");
    assertRefused(
        () -> spec("llama", ", \"partial_rotary_factor\": 0.5"), "partial_rotary_factor", "0.5");
    assertRefused(
        () ->
            spec(
                "qwen3",
                KV
                    + ", \"layer_types\": [\"full_attention\", \"full_attention\","
                    + " \"full_attention\", \"chunked_attention\"]"),
        "key layer_types",
        "chunked_attention");
    assertRefused(
        () -> spec("qwen3", KV + ", \"layer_types\": [\"full_attention\"]"),
        "config.json: key layer_types: expected 4 entries, one per block (num_hidden_layers), got 1");
    assertRefused(
        () -> spec("llama", ", \"num_key_value_heads\": 3"),
        "key num_key_value_heads: expected a divisor of the 4 query heads, got 3");
    assertRefused(() -> spec("llama", ", \"num_key_value_heads\": 1.5"), "whole number", "1.5");
    assertRefused(() -> spec("llama", ", \"rms_norm_eps\": \"small\""), "rms_norm_eps", "small");
  }
}
