package io.calm.bench;

import io.calm.checkpoint.gguf.GgufTensorNames;
import io.calm.checkpoint.storage.TensorNames;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.tensor.Float16;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A GGUF file of any LLaMA shape with a made-up vocabulary and random Q4_0 weights, those of
 * lm_head and the embeddings included. llama.cpp runs it at the speed of a real model.
 */
public final class RandomGguf {
  private static final TensorNames NAMES = GgufTensorNames.INSTANCE;
  private static final String ARCHITECTURE = "llama";
  private static final int MOSTLY_Q4_0 = 2;
  private static final int BLOCK = 32;
  private static final int BYTES = 256;
  private static final int UNKNOWN = 2;
  private static final int CONTROL = 3;
  private static final int BYTE = 6;
  private static final int NORMAL = 1;

  private final ModelSpec spec;
  private final Vocabulary vocabulary;
  private final SplittableRandom random;
  private final GgufWriter file = new GgufWriter();

  /** The kind of the made-up vocabulary. */
  public enum Vocabulary {
    /** SentencePiece, which llama.cpp and CALM read. */
    SENTENCE_PIECE,
    /** Byte-level BPE, the only one that OpenVINO GenAI reads. */
    BYTE_LEVEL
  }

  private RandomGguf(ModelSpec spec, Vocabulary vocabulary, long seed) {
    this.spec = spec;
    this.vocabulary = vocabulary;
    this.random = new SplittableRandom(seed);
  }

  /**
   * Writes the file.
   *
   * @param spec widths are multiples of 32, the vocabulary has room for the 256 bytes
   */
  public static void write(Path file, ModelSpec spec, Vocabulary vocabulary, long seed)
      throws IOException {
    new RandomGguf(spec, vocabulary, seed).write(file);
  }

  private void write(Path target) throws IOException {
    sizes();
    switch (vocabulary) {
      case SENTENCE_PIECE -> sentencePiece();
      case BYTE_LEVEL -> byteLevel();
    }
    matrix(NAMES.embeddings(), spec.vocabulary(), spec.hidden());
    ones(NAMES.finalNorm(), spec.hidden());
    if (!spec.tiedEmbeddings()) {
      matrix(NAMES.head(), spec.vocabulary(), spec.hidden());
    }
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (LinearRole role : LinearRole.values()) {
        matrix(NAMES.weight(layer, role), spec.outputs(role), spec.inputs(role));
      }
      for (NormRole norm : spec.norms()) {
        ones(NAMES.norm(layer, norm), spec.width(norm));
      }
    }
    file.write(target);
  }

  private void sizes() {
    file.text("general.architecture", ARCHITECTURE)
        .integer("general.file_type", MOSTLY_Q4_0)
        .integer(ARCHITECTURE + ".vocab_size", spec.vocabulary())
        .integer(ARCHITECTURE + ".context_length", spec.maxContext())
        .integer(ARCHITECTURE + ".embedding_length", spec.hidden())
        .integer(ARCHITECTURE + ".block_count", spec.layers())
        .integer(ARCHITECTURE + ".feed_forward_length", spec.intermediate())
        .integer(ARCHITECTURE + ".attention.head_count", spec.heads())
        .integer(ARCHITECTURE + ".attention.head_count_kv", spec.kvHeads())
        .integer(ARCHITECTURE + ".attention.key_length", spec.headDim())
        .integer(ARCHITECTURE + ".attention.value_length", spec.headDim())
        .integer(ARCHITECTURE + ".rope.dimension_count", spec.headDim())
        .number(ARCHITECTURE + ".rope.freq_base", spec.rope().theta())
        .number(ARCHITECTURE + ".attention.layer_norm_rms_epsilon", spec.rmsEpsilon());
  }

  /** The bytes, a token that ends texts, one merge, and names that no text has. */
  private void byteLevel() {
    List<String> tokens = new ArrayList<>();
    for (int value = 0, next = BYTES; value < BYTES; value++) {
      boolean printed =
          (value > ' ' && value < 0x7f) || (value > 0xa0 && value != 0xad); // as GPT-2 writes bytes
      tokens.add(Character.toString(printed ? value : next++));
    }
    int end = tokens.size();
    tokens.add("<|endoftext|>");
    tokens.add("ab");
    while (tokens.size() < spec.vocabulary()) {
      tokens.add("t" + tokens.size());
    }
    int[] types = new int[spec.vocabulary()];
    Arrays.fill(types, NORMAL);
    types[end] = CONTROL;
    file.text("tokenizer.ggml.model", "gpt2")
        .text("tokenizer.ggml.pre", "smollm")
        .texts("tokenizer.ggml.tokens", tokens)
        .texts("tokenizer.ggml.merges", List.of("a b"))
        .integers("tokenizer.ggml.token_type", types)
        .integer("tokenizer.ggml.bos_token_id", end)
        .integer("tokenizer.ggml.eos_token_id", end);
  }

  private void sentencePiece() {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    int[] types = new int[spec.vocabulary()];
    Arrays.fill(types, NORMAL);
    types[0] = UNKNOWN;
    types[1] = CONTROL;
    types[2] = CONTROL;
    for (int value = 0; value < BYTES; value++) {
      types[tokens.size()] = BYTE;
      tokens.add("<0x%02X>".formatted(value));
    }
    while (tokens.size() < spec.vocabulary()) {
      tokens.add("t" + tokens.size());
    }
    file.text("tokenizer.ggml.model", "llama")
        .texts("tokenizer.ggml.tokens", tokens)
        .numbers("tokenizer.ggml.scores", new float[tokens.size()])
        .integers("tokenizer.ggml.token_type", types)
        .integer("tokenizer.ggml.unknown_token_id", 0)
        .integer("tokenizer.ggml.bos_token_id", 1)
        .integer("tokenizer.ggml.eos_token_id", 2);
  }

  private void matrix(String name, int outputs, int inputs) {
    file.tensor(name, GgufWriter.Type.Q4_0, List.of(outputs, inputs), () -> codes(outputs, inputs));
  }

  /** Blocks of a float16 scale and 32 codes of -8 to 7. */
  private ByteBuffer codes(int outputs, int inputs) {
    int blocks = outputs * (inputs / BLOCK);
    ByteBuffer bytes =
        ByteBuffer.allocate((int) GgufWriter.Type.Q4_0.bytes((long) blocks * BLOCK))
            .order(ByteOrder.LITTLE_ENDIAN);
    short scale = Float16.fromFloat(1 / (4.61f * (float) Math.sqrt(inputs)));
    for (int block = 0; block < blocks; block++) {
      bytes.putShort(scale).putLong(random.nextLong()).putLong(random.nextLong());
    }
    return bytes.flip();
  }

  private void ones(String name, int width) {
    ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * width).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      bytes.putFloat(1);
    }
    bytes.flip();
    file.tensor(name, GgufWriter.Type.F32, List.of(width), () -> bytes);
  }
}
