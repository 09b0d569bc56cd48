package io.calm.checkpoint.gguf;

import io.calm.model.LinearRole;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;

/**
 * Small LLaMA files whose linears have any of ggml's block types, with random blocks and plausible
 * scales. Width 256 (two heads of 128, one key-value head), 512 in the feed-forward part.
 */
public final class MixedGguf {
  private static final int WIDTH = 256;
  private static final int INTERMEDIATE = 512;
  private static final int VOCABULARY = 50;

  private MixedGguf() {}

  /**
   * A type with its number in ggml, bytes per block, weights per block, and offset of a float16.
   */
  public enum Type {
    Q4_0(2, 18, 32, 0, 0),
    Q4_1(3, 20, 32, 0, 2),
    Q5_0(6, 22, 32, 0, 0),
    Q8_0(8, 34, 32, 0, 0),
    Q4_K(12, 144, 256, 0, 2),
    Q5_K(13, 176, 256, 0, 2),
    Q6_K(14, 210, 256, 208, 208);

    private final int number;
    private final int bytes;
    private final int weights;
    private final int scale;
    private final int minimum;

    Type(int number, int bytes, int weights, int scale, int minimum) {
      this.number = number;
      this.bytes = bytes;
      this.weights = weights;
      this.scale = scale;
      this.minimum = minimum;
    }

    /** Returns random blocks for {@code elements} weights, with scales between 1e-4 and 2e-3. */
    public byte[] random(Random random, int elements) {
      byte[] content = new byte[elements / weights * bytes];
      random.nextBytes(content);
      ByteBuffer buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
      for (int block = 0; block < content.length; block += bytes) {
        buffer.putShort(block + minimum, scale(random));
        buffer.putShort(block + scale, scale(random));
      }
      return content;
    }

    /** Returns a float16 number between 2^-13 and 2^-9. */
    private static short scale(Random random) {
      return (short) (0x0800 + random.nextInt(0x1000));
    }

    /** Returns the number of the type in a GGUF file. */
    public int number() {
      return number;
    }
  }

  /** Writes a model; {@code types} has the type of each linear, by name of its role. */
  public static Path write(Path file, int layers, Map<LinearRole, Type> types, long seed)
      throws IOException {
    Random random = new Random(seed);
    GgufBuilder builder = new GgufBuilder().text("general.architecture", "llama");
    builder
        .integer("llama.block_count", layers)
        .integer("llama.context_length", 64)
        .integer("llama.embedding_length", WIDTH)
        .integer("llama.feed_forward_length", INTERMEDIATE)
        .integer("llama.attention.head_count", 2)
        .integer("llama.attention.head_count_kv", 1)
        .number("llama.attention.layer_norm_rms_epsilon", 1e-5)
        .tensor(
            "token_embd.weight",
            Type.Q6_K.number,
            Type.Q6_K.random(random, VOCABULARY * WIDTH),
            VOCABULARY,
            WIDTH)
        .zeros("output_norm.weight", WIDTH);
    for (int layer = 0; layer < layers; layer++) {
      String block = "blk.%d.".formatted(layer);
      builder.zeros(block + "attn_norm.weight", WIDTH).zeros(block + "ffn_norm.weight", WIDTH);
      for (LinearRole role : LinearRole.values()) {
        Type type = types.getOrDefault(role, Type.Q4_K);
        int rows = rows(role);
        int columns = role == LinearRole.DOWN ? INTERMEDIATE : WIDTH;
        builder.tensor(
            GgufTensorNames.INSTANCE.weight(layer, role),
            type.number,
            type.random(random, rows * columns),
            rows,
            columns);
      }
    }
    return builder.write(file);
  }

  private static int rows(LinearRole role) {
    return switch (role) {
      case K, V -> WIDTH / 2;
      case GATE, UP -> INTERMEDIATE;
      case Q, O, DOWN -> WIDTH;
    };
  }
}
