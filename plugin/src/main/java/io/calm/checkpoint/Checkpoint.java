package io.calm.checkpoint;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A model on disk, opened and validated: its files are mapped, every tensor that the architecture
 * needs is there with the right shape, none has been read.
 */
public interface Checkpoint extends AutoCloseable {

  /** Returns sizes and topology. */
  ModelSpec spec();

  /** Returns the files whose bytes make the model, in a fixed order. */
  List<Path> files();

  /** Returns the bytes that the file {@code files()} hold together. */
  long sizeInBytes();

  /** Reads block {@code layer} as float32. The caller closes the matrices. */
  BlockParameters<Matrix> block(int layer);

  /**
   * Reads a linear whose stored 4-bit blocks (Q4_0, Q4_1) are W4A8 codes and grids of group 32 as
   * they are; empty where the tensor has another type.
   */
  Optional<QuantizedMatrix> sourceCodes(int layer, LinearRole role);

  /** Returns whether {@link #sourceCodes} is present for every linear of every block. */
  boolean hasSourceCodes();

  /**
   * Reads rows {@code from} (inclusive) to {@code to} (exclusive) of the embedding table, [to -
   * from, D] float32.
   */
  Matrix embeddingRows(int from, int to);

  /** Reads rows of the lm_head; of the embedding table where they are tied. */
  Matrix headRows(int from, int to);

  /** Reads the final norm's weight [D]. */
  float[] finalNorm();

  /** Returns what the checkpoint says of generation. */
  GenerationDefaults generationDefaults();

  /** Returns the tokenizer; built at the first call. */
  Tokenizer tokenizer();

  /** Returns the chat template; empty where the checkpoint has none. */
  Optional<ChatTemplate> chatTemplate();

  @Override
  void close();
}
