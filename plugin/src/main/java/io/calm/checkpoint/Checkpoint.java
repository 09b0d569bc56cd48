package io.calm.checkpoint;

import io.calm.model.LinearRole;
import io.calm.model.WeightSource;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A model on disk, opened and validated: its files are mapped, every tensor that the architecture
 * needs is there with the right shape, none has been read.
 */
public interface Checkpoint extends WeightSource, AutoCloseable {

  /** Returns the files whose bytes make the model, in a fixed order. */
  List<Path> files();

  /** Returns the bytes that the file {@code files()} hold together. */
  long sizeInBytes();

  /**
   * Reads every tensor of the model once and checks its values: weights of linears and tables are
   * finite in float16, norms and biases in float32.
   *
   * @param parallel number of threads that read
   * @param beforeEach called before each tensor; an exception ends the check
   * @throws CheckpointException for a value out of range, naming file, tensor and row
   */
  void requireFinite(Parallel parallel, Runnable beforeEach);

  /**
   * Reads a linear whose stored 4-bit blocks (Q4_0, Q4_1) are W4A8 codes and grids of group 32 as
   * they are; empty where the tensor has another type.
   */
  Optional<QuantizedMatrix> sourceCodes(int layer, LinearRole role);

  /** Returns whether {@link #sourceCodes} is present for every linear of every block. */
  boolean hasSourceCodes();

  /** Returns what the checkpoint says of generation. */
  GenerationDefaults generationDefaults();

  /** Returns the tokenizer; built at the first call. */
  Tokenizer tokenizer();

  /** Returns the chat template; empty where the checkpoint has none. */
  Optional<ChatTemplate> chatTemplate();

  @Override
  void close();
}
