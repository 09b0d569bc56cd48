package io.calm.checkpoint.hf;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.checkpoint.safetensors.SafetensorsFile;
import io.calm.checkpoint.storage.CheckpointFile;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.model.LinearRole;
import io.calm.tensor.Matrix;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HfDirectoryTest {
  private static final String SECOND = "model-00002-of-00002.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  @TempDir private Path directory;

  private Path copy(String family) throws IOException {
    try (Stream<Path> files = Files.list(Goldens.path(family))) {
      for (Path file : files.toList()) {
        Files.copy(file, directory.resolve(file.getFileName().toString()));
      }
    }
    return directory;
  }

  private void edit(String name, String from, String to) throws IOException {
    Path file = directory.resolve(name);
    Files.writeString(file, Files.readString(file).replace(from, to));
  }

  /** Models whose vocabulary was made smaller often keep the ids of their family. */
  @Test
  void idsOutsideTheVocabularyAreNone() throws IOException {
    Path model = copy("llama-sharded-f16");
    Files.writeString(
        model.resolve("generation_config.json"), "{\"bos_token_id\": 151643, \"eos_token_id\": 2}");
    edit("config.json", "\"bos_token_id\": 0,", "\"bos_token_id\": 3,");
    assertEquals(OptionalInt.of(3), bos(model));
    edit("config.json", "\"bos_token_id\": 3,", "\"bos_token_id\": 151643,");
    assertEquals(OptionalInt.empty(), bos(model));
    edit("config.json", "\"bos_token_id\": 151643,", "\"bos_token_id\": -1,");
    assertEquals(OptionalInt.empty(), bos(model));
    edit("config.json", "\"eos_token_id\": 0,", "\"eos_token_id\": -1,");
    edit("generation_config.json", "\"eos_token_id\": 2", "\"eos_token_id\": [2, -1, 151643]");
    assertEquals(Set.of(2), defaults().endOfSequence());
  }

  @Test
  void defaultsThatNoRequestMaySendAreNotUsed() throws IOException {
    Path file = copy("llama-gqa").resolve("generation_config.json");
    Files.writeString(file, "{}");
    GenerationDefaults none = defaults();
    for (String field :
        List.of(
            "\"top_p\": -1",
            "\"top_p\": 1.5",
            "\"min_p\": 2",
            "\"repetition_penalty\": 0",
            "\"temperature\": -1",
            "\"temperature\": 1e30",
            "\"top_k\": 1.5",
            "\"top_k\": -2")) {
      Files.writeString(file, "{" + field + "}");
      String key = field.replaceAll("\"(.*)\".*", "$1");
      String log = log(() -> assertEquals(none, defaults(), field));
      assertTrue(log.contains("generation_config.json: key " + key + ": expected "), log);
      assertEquals(1, log.lines().count(), log);
    }
    Files.writeString(file, "{\"top_p\": 1.5}");
    String top = log(this::defaults);
    assertTrue(top.contains("expected 0 to 1, got 1.5; it is not used as a default"), top);
    for (String fields :
        List.of(
            "\"top_p\": 1, \"min_p\": 0, \"repetition_penalty\": 0.01, \"temperature\": 0",
            "\"top_p\": null, \"top_k\": null, \"temperature\": 100",
            "\"top_k\": -1",
            "\"top_k\": 50.0")) {
      Files.writeString(file, "{" + fields + "}");
      assertEquals("", log(this::defaults), fields);
    }
  }

  private static String log(Runnable work) {
    PrintStream real = System.err;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      work.run();
    } finally {
      System.setErr(real);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private static OptionalInt bos(Path model) {
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      return checkpoint.generationDefaults().bos();
    }
  }

  @Test
  void shardsAreOneModel() {
    Path golden = Goldens.path("llama-sharded-f16");
    TensorTable second = SafetensorsFile.read(CheckpointFile.open(golden.resolve(SECOND)));
    try (Checkpoint checkpoint = Checkpoints.open(golden)) {
      assertEquals(
          List.of(
              "config.json",
              "generation_config.json",
              "tokenizer.json",
              INDEX,
              "model-00001-of-00002.safetensors",
              SECOND),
          checkpoint.files().stream().map(file -> file.getFileName().toString()).toList());
      try (Matrix down = checkpoint.block(2).linear(LinearRole.DOWN);
          Matrix expected = second.get("model.layers.2.mlp.down_proj.weight").read()) {
        assertEquals(expected.bytes(), down.bytes());
      }
    }
  }

  @Test
  void shardsThatDoNotFitTheirIndexAreRefused() throws IOException {
    copy("llama-sharded-f16");
    Path second = directory.resolve(SECOND);
    Path aside = directory.resolve("aside");
    Files.move(second, aside);
    assertRefused(() -> Checkpoints.open(directory), SECOND, "no such file", "download");
    Files.copy(directory.resolve("model-00001-of-00002.safetensors"), second);
    assertRefused(
        () -> Checkpoints.open(directory),
        SECOND + ": tensor",
        "as the index lists it",
        "none of this");
    Files.move(aside, second, StandardCopyOption.REPLACE_EXISTING);
    edit(INDEX, "model.norm.weight", "model.layers.0.self_attn.rotary_emb.inv_freq");
    try (Checkpoint stale = Checkpoints.open(directory)) {
      assertEquals(3, stale.spec().layers(), "a listed tensor that is not needed may be absent");
    }
  }

  @Test
  void shardsWithTooManyTensorsInAllAreRefused() throws IOException {
    Files.writeString(
        directory.resolve(INDEX),
        "{\"weight_map\": {\"a0\": \"a.safetensors\", \"b0\": \"b.safetensors\"}}");
    for (String shard : List.of("a", "b")) {
      byte[] header =
          IntStream.range(0, 70_000)
              .mapToObj(
                  i ->
                      "\"%s%d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"
                          .formatted(shard, i))
              .collect(Collectors.joining(",", "{", "}"))
              .getBytes(StandardCharsets.UTF_8);
      ByteBuffer file = ByteBuffer.allocate(8 + header.length).order(ByteOrder.LITTLE_ENDIAN);
      file.putLong(header.length).put(header);
      Files.write(directory.resolve(shard + ".safetensors"), file.array());
    }
    assertRefused(() -> HfWeights.open(directory), INDEX, "at most 131072 tensors in all");
  }

  @Test
  void shardsOutsideTheDirectoryAreRefused() throws IOException {
    copy("llama-sharded-f16");
    edit(INDEX, SECOND, "../" + SECOND);
    assertRefused(() -> Checkpoints.open(directory), INDEX, "beside the index", "../");
  }

  @Test
  void aTensorInTheWrongShardIsRefused() throws IOException {
    copy("llama-sharded-f16");
    edit(
        INDEX,
        "\"model.norm.weight\": \"" + SECOND,
        "\"model.norm.weight\": \"model-00001-of-00002.safetensors");
    assertRefused(() -> Checkpoints.open(directory), "model.norm.weight", "another shard");
  }

  @Test
  void configsThatDoNotFitTheWeightsAreRefused() throws IOException {
    copy("llama-gqa");
    edit("config.json", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4");
    assertRefused(
        () -> Checkpoints.open(directory),
        "model.layers.3.self_attn.q_proj.weight",
        "none of this name");
    edit("config.json", "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 3");
    edit("config.json", "\"intermediate_size\": 160", "\"intermediate_size\": 161");
    assertRefused(
        () -> Checkpoints.open(directory),
        "model.safetensors: tensor model.layers.0.mlp.gate_proj.weight",
        "[161, 64]",
        "[160, 64]");
  }

  @Test
  void tensorsThatWouldChangeTheAnswersAreRefused() throws IOException {
    copy("qwen2-bias");
    edit("config.json", "Qwen2ForCausalLM", "LlamaForCausalLM");
    edit("config.json", "\"qwen2\"", "\"llama\"");
    assertRefused(() -> Checkpoints.open(directory), "proj.bias", "would change the answers");
  }

  @Test
  void aModelIsNotCutOff() throws IOException {
    copy("llama-gqa");
    edit("config.json", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2");
    assertRefused(
        () -> Checkpoints.open(directory), "model.layers.2.", "with 2 blocks", "number of blocks");
    edit(
        "config.json",
        "\"num_hidden_layers\"",
        "\"num_nextn_predict_layers\": 1, \"num_hidden_layers\"");
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      assertEquals(2, checkpoint.spec().layers());
    }
  }

  @Test
  void aBiasOfTheHeadIsRefusedAndAnUnknownTensorIsIgnored() throws IOException {
    TinyHf model = new TinyHf().put("zzz", new float[1][8]);
    try (Checkpoint checkpoint = Checkpoints.open(model.write(directory))) {
      assertEquals(1, checkpoint.spec().layers());
    }
    model.put("lm_head.bias", new float[1][10]).write(directory);
    assertRefused(() -> Checkpoints.open(directory), "lm_head.bias", "would change the answers");
  }

  @Test
  void directoriesWithoutReadableWeightsAreRefused() throws IOException {
    assertRefused(() -> Checkpoints.open(directory), "config.json", "an empty directory");
    Files.copy(Goldens.path("llama-gqa/config.json"), directory.resolve("config.json"));
    assertRefused(() -> Checkpoints.open(directory), "no weights", "model.safetensors");
    Files.writeString(directory.resolve("pytorch_model.bin"), "pickle");
    assertRefused(
        () -> Checkpoints.open(directory), "only pytorch_model.bin, PyTorch", "safe_serialization");
    Files.writeString(directory.resolve("config.json"), "{\"model_type\": ");
    assertRefused(() -> Checkpoints.open(directory), "config.json", "JSON object");
    Files.writeString(directory.resolve("config.json"), "[1]");
    assertRefused(() -> Checkpoints.open(directory), "config.json", "got [1]");
    assertRefused(
        () -> Checkpoints.open(directory.resolve("pytorch_model.bin")), "another kind", ".gguf");
  }

  @Test
  void aDirectoryWithOneGgufFileIsThatFile() throws IOException {
    Path file = Goldens.path("gguf/llama-gqa.gguf");
    Files.copy(file, directory.resolve("model.gguf"));
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      assertEquals(List.of(directory.resolve("model.gguf")), checkpoint.files());
    }
    Files.copy(file, directory.resolve("other.gguf"));
    assertRefused(() -> Checkpoints.open(directory), "2 .gguf files", "the path of the one");
  }

  @Test
  void generationDefaults() throws IOException {
    copy("llama-gqa");
    Files.writeString(
        directory.resolve("generation_config.json"),
        "{\"eos_token_id\": [2, 7], \"do_sample\": true, \"temperature\": 0.6, \"top_p\": 0.9,"
            + " \"top_k\": -1, \"repetition_penalty\": null}");
    assertEquals(
        new GenerationDefaults(
            OptionalInt.of(0),
            Set.of(0, 2, 7), // config.json says 0
            OptionalDouble.of(0.6),
            OptionalDouble.of(0.9),
            OptionalInt.of(-1),
            OptionalDouble.empty(),
            OptionalDouble.empty()),
        defaults());
    Files.delete(directory.resolve("generation_config.json"));
    assertEquals(Set.of(0), defaults().endOfSequence());
    Files.writeString(
        directory.resolve("tokenizer_config.json"),
        "{\"eos_token\": {\"content\": \"<|im_end|>\"}}");
    assertEquals(Set.of("<|im_end|>"), defaults().endTokens());
    assertEquals(Set.of(0, 2), resolved().endOfSequence());
    Files.writeString(
        directory.resolve("tokenizer_config.json"), "{\"eos_token\": \"<|no such token|>\"}");
    assertEquals(Set.of(0), resolved().endOfSequence());
    Files.writeString(directory.resolve("tokenizer_config.json"), "{\"model_max_length\": 8}");
    Files.writeString(
        directory.resolve("special_tokens_map.json"), "{\"eos_token\": \"<|im_start|>\"}");
    assertEquals(Set.of(0, 1), resolved().endOfSequence());
    Files.writeString(directory.resolve("generation_config.json"), "{\"temperature\": \"hot\"}");
    assertRefused(this::defaults, "generation_config.json", "temperature", "hot");
  }

  private GenerationDefaults resolved() {
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      return checkpoint.generationDefaults().resolved(checkpoint.tokenizer());
    }
  }

  private GenerationDefaults defaults() {
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      return checkpoint.generationDefaults();
    }
  }

  @Test
  void aClosedCheckpointReadsNoMore() {
    Checkpoint checkpoint = Checkpoints.open(Goldens.path("llama-gqa"));
    checkpoint.close();
    checkpoint.close();
    assertThrows(IllegalStateException.class, () -> checkpoint.block(0));
    assertThrows(IllegalStateException.class, checkpoint::finalNorm);
  }

  @Test
  void rowsAndLayersOutOfRangeAreTheCallersError() {
    try (Checkpoint checkpoint = Checkpoints.open(Goldens.path("llama-gqa"))) {
      assertThrows(IndexOutOfBoundsException.class, () -> checkpoint.block(3));
      assertThrows(IndexOutOfBoundsException.class, () -> checkpoint.embeddingRows(0, 2049));
      assertThrows(IndexOutOfBoundsException.class, () -> checkpoint.headRows(-1, 1));
    }
  }
}
