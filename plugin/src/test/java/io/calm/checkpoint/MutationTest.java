package io.calm.checkpoint;

import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.gguf.GgufBuilder;
import io.calm.checkpoint.hf.TinyHf;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Numbers of configs and headers replaced by extreme ones: refused by their place, or safe. */
class MutationTest {
  private static final int ROUNDS = Integer.getInteger("calm.test.mutations", 400);
  private static final Duration NO_HANG = Duration.ofMinutes(5);
  private static final int MAX_MESSAGE = 2100;

  private static final List<String> CONFIG_KEYS =
      List.of(
          "hidden_size",
          "num_hidden_layers",
          "num_attention_heads",
          "num_key_value_heads",
          "head_dim",
          "intermediate_size",
          "vocab_size",
          "max_position_embeddings",
          "rms_norm_eps",
          "rope_theta",
          "rope_scaling",
          "rope_parameters",
          "sliding_window",
          "layer_types",
          "max_window_layers",
          "tie_word_embeddings",
          "attention_bias",
          "model_type",
          "architectures",
          "original_max_position_embeddings",
          "partial_rotary_factor",
          "bos_token_id",
          "eos_token_id");

  private static final List<String> VALUES =
      List.of(
          "0",
          "1",
          "2",
          "3",
          "7",
          "127",
          "128",
          "256",
          "65536",
          "2147483647",
          "2147483648",
          "4294967296",
          "4294967424",
          "9223372036854775807",
          "9223372036854775808",
          "-1",
          "-2147483648",
          "-9223372036854775808",
          "1e300",
          "-1e300",
          "1e-300",
          "0.5",
          "1e999",
          "null",
          "true",
          "\"text\"",
          "\"\"",
          "[]",
          "{}",
          "[1, 2]",
          "[\"sliding_attention\"]",
          "{\"rope_type\": \"yarn\", \"factor\": 1e300}",
          "{\"rope_type\": \"yarn\", \"factor\": 2, \"beta_fast\": 0, \"beta_slow\": -1}",
          "{\"rope_type\": \"llama3\", \"factor\": 8}",
          "{\"rope_type\": \"linear\", \"factor\": -1}",
          "{\"full_attention\": {\"rope_theta\": 1}}");

  @TempDir private Path directory;

  private static Random random() {
    return new Random(Seeds.next());
  }

  private static <T> T any(List<T> values, Random random) {
    return values.get(random.nextInt(values.size()));
  }

  /** Opens a model: an error has its four parts, and accepted sizes have safe products. */
  private static boolean opens(Path model) {
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      requireSafe(checkpoint.spec());
      return true;
    } catch (CheckpointException e) {
      assertTrue(
          e.getMessage().contains("expected") && e.getMessage().contains("got"), e::getMessage);
      assertTrue(e.getMessage().length() <= MAX_MESSAGE, e::getMessage);
      return false;
    }
  }

  private static void requireSafe(ModelSpec spec) {
    for (LinearRole role : LinearRole.values()) {
      long bytes = 4L * spec.outputs(role) * spec.inputs(role);
      assertTrue(bytes > 0 && bytes <= Integer.MAX_VALUE, spec::toString);
    }
    for (NormRole norm : spec.norms()) {
      assertTrue(spec.width(norm) > 0);
    }
    assertTrue((long) spec.vocabulary() * spec.hidden() <= Integer.MAX_VALUE);
    assertTrue(spec.heads() / spec.kvHeads() <= ModelSpec.MAX_SHARED_HEADS);
    assertTrue(spec.maxContext() > 0 && Float.isFinite(spec.rope().theta()));
  }

  private static void summary(String what, int refused) {
    System.out.printf("%s: %d of %d refused%n", what, refused, ROUNDS);
    assertTrue(refused > ROUNDS / 10);
  }

  @Test
  void configs() {
    Random random = random();
    int[] refused = {0};
    assertTimeoutPreemptively(
        NO_HANG,
        () -> {
          for (int round = 0; round < ROUNDS; round++) {
            TinyHf model = new TinyHf();
            for (int i = 0; i <= random.nextInt(3); i++) {
              model.set(any(CONFIG_KEYS, random), any(VALUES, random));
            }
            refused[0] += opens(model.write(directory)) ? 0 : 1;
          }
        });
    summary("config.json", refused[0]);
  }

  @Test
  void safetensorsHeaders() throws IOException {
    Path file = new TinyHf().write(directory).resolve("model.safetensors");
    byte[] whole = Files.readAllBytes(file);
    int length = (int) ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    String header = new String(whole, 8, length, StandardCharsets.UTF_8);
    Random random = random();
    int[] refused = {0};
    assertTimeoutPreemptively(
        NO_HANG,
        () -> {
          for (int round = 0; round < ROUNDS; round++) {
            byte[] json = replaceNumber(header, random).getBytes(StandardCharsets.UTF_8);
            ByteBuffer bytes = ByteBuffer.allocate(8 + json.length + whole.length - 8 - length);
            bytes.order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).put(json);
            Files.write(file, bytes.put(whole, 8 + length, whole.length - 8 - length).array());
            refused[0] += opens(directory) ? 0 : 1;
          }
        });
    summary("safetensors", refused[0]);
  }

  private static String replaceNumber(String json, Random random) {
    Matcher numbers = Pattern.compile("(?<=[\\[,])\\d+").matcher(json);
    long count = numbers.results().count();
    int chosen = random.nextInt((int) count);
    numbers.reset();
    for (int i = 0; i <= chosen; i++) {
      numbers.find();
    }
    return json.substring(0, numbers.start()) + any(VALUES, random) + json.substring(numbers.end());
  }

  @Test
  void ggufMetadata() {
    List<String> keys =
        List.of(
            "block_count",
            "context_length",
            "embedding_length",
            "feed_forward_length",
            "attention.head_count",
            "attention.head_count_kv",
            "attention.key_length",
            "attention.value_length",
            "attention.layer_norm_rms_epsilon",
            "attention.sliding_window",
            "rope.freq_base",
            "rope.dimension_count",
            "rope.scaling.factor",
            "rope.scaling.type",
            "rope.scaling.original_context_length",
            "vocab_size");
    Random random = random();
    int[] refused = {0};
    assertTimeoutPreemptively(
        NO_HANG,
        () -> {
          for (int round = 0; round < ROUNDS; round++) {
            GgufBuilder file = new GgufBuilder().model("llama");
            String key = "llama." + any(keys, random);
            file.without(key);
            mutate(file, key, random);
            refused[0] += opens(file.write(directory.resolve("m.gguf"))) ? 0 : 1;
          }
        });
    summary("GGUF", refused[0]);
  }

  private static void mutate(GgufBuilder file, String key, Random random) {
    long[] integers = {0, 1, 3, 256, 1 << 16, Integer.MAX_VALUE, 1L << 32, Long.MAX_VALUE, -1, -8};
    double[] numbers = {0, 0.5, -1, 1e300, Double.NaN, Double.POSITIVE_INFINITY, 1e-300};
    ByteBuffer bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    switch (random.nextInt(5)) {
      case 0 -> file.raw(key, 10, bytes.putLong(integers[random.nextInt(10)]).array());
      case 1 -> file.raw(key, 11, bytes.putLong(integers[random.nextInt(10)]).array());
      case 2 -> file.raw(key, 12, bytes.putDouble(numbers[random.nextInt(7)]).array());
      case 3 -> file.text(key, "yarn");
      default -> file.integers(key, 1, 2, 3);
    }
  }
}
