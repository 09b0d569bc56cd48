package io.calm.checkpoint;

import io.calm.files.FileStamp;
import io.calm.model.LinearRole;
import io.calm.model.WeightSource;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A model on disk, opened and validated. Every tensor that the architecture needs is present with
 * the right shape; tensor data is read only when requested. Closing it closes files and tokenizer.
 */
public interface Checkpoint extends WeightSource, AutoCloseable {

  /** Returns the stamps of the files that make up the model, in a fixed order. */
  List<FileStamp> stamps();

  /** Returns the files that make up the model, in a fixed order. */
  default List<Path> files() {
    return stamps().stream().map(FileStamp::path).toList();
  }

  /** Returns the files of configuration, tokenizer and chat template. */
  SourceFiles source();

  /**
   * Requires that every one of {@link #files} is still the file that was opened, so that what is
   * read from its path now describes this checkpoint.
   *
   * @throws CheckpointException if a file was changed, replaced or deleted
   */
  void requireUnchanged();

  /**
   * Reads every tensor of the model once and checks its values. Matrices must be finite in float16,
   * vectors (norms and biases) in float32.
   *
   * @param parallel threads that read
   * @param beforeEach called before each tensor; an exception ends the check
   * @throws CheckpointException if a value is out of range; the message names file, tensor, row and
   *     column
   */
  void requireFinite(Parallel parallel, Runnable beforeEach);

  /**
   * Reads the codes and grids of a linear with 4-bit blocks of 32, without requantizing it: they
   * are W4A8 codes and grids of group size 32. They reproduce the weights of a Q4_0 or Q4_1 linear
   * exactly. Scales and minimums of a Q4_K linear are rounded to float16.
   *
   * @return [out, in]; empty if the tensor has another type
   * @throws CheckpointException if a scale or minimum is not a finite float16 number
   */
  Optional<QuantizedMatrix> sourceCodes(int layer, LinearRole role);

  /** Returns the part of the blocks' weights for which {@link #sourceCodes} is present. */
  SourceCoverage sourceCoverage();

  /** Returns the checkpoint's defaults for generation. */
  GenerationDefaults generationDefaults();

  /**
   * Returns the tokenizer, which is built by the first call.
   *
   * @throws CheckpointException if it is missing or not supported
   */
  Tokenizer tokenizer();

  /**
   * Returns the chat template; empty if the checkpoint has none.
   *
   * @throws CheckpointException if the template cannot be parsed
   */
  Optional<ChatTemplate> chatTemplate();

  /**
   * Closes the files with the tensors, which cannot be read any more. Tokenizer and chat template
   * stay open.
   */
  void closeFiles();

  @Override
  void close();
}
