package io.calm.checkpoint.gguf;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufSpecTest {
  @TempDir private Path directory;

  private Checkpoint open(GgufBuilder builder) throws IOException {
    return Checkpoints.open(builder.write(directory.resolve("model.gguf")));
  }

  private ModelSpec spec(GgufBuilder builder) throws IOException {
    try (Checkpoint checkpoint = open(builder)) {
      return checkpoint.spec();
    }
  }

  private static GgufBuilder llama() {
    return new GgufBuilder().model("llama");
  }

  @Test
  void aPlainFileHasLlamaCppDefaults() throws IOException {
    ModelSpec spec = spec(llama());
    assertEquals(4, spec.headDim());
    assertEquals(10, spec.vocabulary());
    assertEquals(64, spec.maxContext());
    assertEquals(1e-5f, spec.rmsEpsilon());
    assertEquals(new RopeSpec(10000, new RopeSpec.None()), spec.rope());
    assertTrue(spec.tiedEmbeddings());
    assertEquals(Set.of(), spec.biases());
    assertEquals(List.of(0), spec.windows());
    assertFalse(spec.headNorms());
    assertFalse(spec(llama().zeros("output.weight", 10, 8)).tiedEmbeddings());
  }

  @Test
  void biasesAreTheOnesThatTheFileHas() throws IOException {
    assertEquals(
        Set.of(LinearRole.O, LinearRole.DOWN),
        spec(llama().zeros("blk.0.attn_output.bias", 8).zeros("blk.0.ffn_down.bias", 8)).biases());
    assertRefused(
        () -> spec(new GgufBuilder().model("qwen2")),
        "tensor blk.0.attn_q.bias",
        "expected this tensor");
  }

  @Test
  void tensorsThatTheArchitectureDoesNotHaveAreRefused() throws IOException {
    for (String name : List.of("output.bias", "token_embd_norm.weight", "blk.1.attn_norm.weight")) {
      assertRefused(() -> spec(llama().zeros(name, 10)), "tensor " + name, "an unknown tensor");
    }
    assertTrue(spec(llama().vector("rope_freqs.weight", 1, 2)).tiedEmbeddings());
  }

  @Test
  void rowsOfLlamaQueriesAndTheirBiasAreUnPermuted() throws IOException {
    try (Checkpoint checkpoint =
        open(llama().vector("blk.0.attn_q.bias", 0, 1, 2, 3, 4, 5, 6, 7))) {
      assertArrayEquals(
          new float[] {0, 2, 1, 3, 4, 6, 5, 7}, checkpoint.block(0).biases().get(LinearRole.Q));
    }
  }

  @Test
  void rotaryScalings() throws IOException {
    assertEquals(
        new RopeSpec.Linear(4),
        spec(llama().number("llama.rope.scaling.factor", 4)).rope().scaling());
    assertEquals(
        new RopeSpec.Linear(2),
        spec(llama().number("llama.rope.scale_linear", 2)).rope().scaling());
    assertEquals(
        new RopeSpec.None(),
        spec(llama().text("llama.rope.scaling.type", "none").number("llama.rope.scaling.factor", 4))
            .rope()
            .scaling());
    ModelSpec yarn =
        spec(
            llama()
                .text("llama.rope.scaling.type", "yarn")
                .number("llama.rope.scaling.factor", 4)
                .integer("llama.rope.scaling.original_context_length", 32));
    assertEquals(
        new RopeSpec.Yarn(4, 32, 1, 32, (float) (0.1 * Math.log(4) + 1), true),
        yarn.rope().scaling());
    assertEquals(128, yarn.maxContext());
    RopeSpec factors = spec(llama().vector("rope_freqs.weight", 1, 8)).rope();
    assertArrayEquals(
        new float[] {1, 8}, assertInstanceOf(RopeSpec.Factors.class, factors.scaling()).divisors());
  }

  @Test
  void slidingWindows() throws IOException {
    assertEquals(
        List.of(16), spec(llama().integer("llama.attention.sliding_window", 16)).windows());
    assertEquals(
        List.of(0),
        spec(llama()
                .integer("llama.attention.sliding_window", 16)
                .flags("llama.attention.sliding_window_pattern", false))
            .windows());
    GgufBuilder windowed = llama().integer("llama.attention.sliding_window", 16);
    String pattern = "llama.attention.sliding_window_pattern";
    assertEquals(List.of(16), spec(windowed.integers(pattern, 1)).windows());
    assertEquals(List.of(0), spec(windowed.without(pattern).integers(pattern, 0)).windows());
    assertRefused(
        () -> spec(windowed.without(pattern).integers(pattern, 6)),
        "key " + pattern,
        "true or false for each block, got 6");
  }

  @Test
  void generationDefaultsTakeEveryEndOfSequence() throws IOException {
    try (Checkpoint checkpoint =
        open(
            llama()
                .integer("tokenizer.ggml.eos_token_id", 3)
                .integer("tokenizer.ggml.eot_token_id", 4)
                .integer("tokenizer.ggml.eom_token_id", 5)
                .integer("tokenizer.ggml.bos_token_id", 0xffffffffL))) {
      assertEquals(Set.of(3, 4, 5), checkpoint.generationDefaults().endOfSequence());
      assertEquals(OptionalInt.empty(), checkpoint.generationDefaults().bos());
    }
  }

  @Test
  void whatIsNotSupportedIsNamed() {
    assertRefused(
        () -> open(new GgufBuilder().model("qwen2moe")),
        "general.architecture",
        "qwen2moe",
        "llama (LLaMA, Mistral, SmolLM2), qwen2 or qwen3");
    assertRefused(() -> open(new GgufBuilder()), "general.architecture", "nothing");
    assertRefused(() -> open(llama().integer("llama.expert_count", 8)), "llama.expert_count");
    assertRefused(() -> open(llama().integer("split.count", 3)), "3 parts", "--merge");
    assertRefused(() -> open(llama().text("general.type", "adapter")), "adapter");
    assertRefused(
        () -> open(llama().text("llama.rope.scaling.type", "longrope")), "longrope", "yarn");
    assertRefused(
        () -> open(llama().integer("llama.rope.dimension_count", 2)), "rope.dimension_count", "4");
    assertRefused(() -> open(llama().number("llama.attention.scale", 0.3)), "attention.scale");
    assertRefused(() -> open(llama().number("llama.logit_scale", 0.25)), "logit_scale");
    assertRefused(() -> open(llama().number("llama.rope.freq_base", -1)), "freq_base", "-1");
    assertRefused(
        () ->
            open(llama().number("llama.rope.scaling.factor", 2).vector("rope_freqs.weight", 1, 1)),
        "rope_freqs.weight",
        "Linear");
    assertRefused(() -> open(llama().integer("llama.vocab_size", 11)), "token_embd", "11");
    assertRefused(
        () -> open(new GgufBuilder().metadata("llama")), "token_embd.weight", "none of this name");
    assertRefused(
        () -> open(new GgufBuilder().text("general.architecture", "llama").weights()),
        "llama.embedding_length",
        "nothing");
  }

  @Test
  void tensorsThatWouldChangeTheAnswersAreRefused() {
    assertRefused(
        () -> open(llama().zeros("blk.0.attn_q_norm.weight", 4)), "attn_q_norm", "not supported");
    assertRefused(() -> open(new GgufBuilder().metadata("qwen3").weights()), "attn_q_norm.weight");
  }
}
