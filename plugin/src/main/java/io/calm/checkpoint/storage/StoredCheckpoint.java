package io.calm.checkpoint.storage;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.SourceCoverage;
import io.calm.checkpoint.SourceFiles;
import io.calm.checkpoint.Tokenizer;
import io.calm.files.FileStamp;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;

/** A checkpoint with its tensors in files. Thread safe. */
public final class StoredCheckpoint implements Checkpoint {
  private final ModelTensors tensors;
  private final List<FileStamp> stamps;
  private final SourceFiles source;
  private final GenerationDefaults generationDefaults;
  private final Lazy<Tokenizer> tokenizer;
  private final Lazy<Optional<ChatTemplate>> chatTemplate;
  private volatile boolean closed;

  /**
   * Creates a checkpoint.
   *
   * @param stamps the files that make up the model, in a fixed order; each stamp was taken before
   *     its file was read
   * @param source the files of configuration, tokenizer and chat template
   * @param tokenizer builds the tokenizer on first use
   * @param chatTemplate loads the chat template on first use
   */
  public StoredCheckpoint(
      ModelTensors tensors,
      List<FileStamp> stamps,
      SourceFiles source,
      GenerationDefaults generationDefaults,
      Supplier<Tokenizer> tokenizer,
      Supplier<Optional<ChatTemplate>> chatTemplate) {
    this.tensors = tensors;
    this.stamps = List.copyOf(stamps);
    this.source = source;
    this.generationDefaults = generationDefaults;
    this.tokenizer = new Lazy<>(tokenizer);
    this.chatTemplate = new Lazy<>(chatTemplate);
  }

  @Override
  public ModelSpec spec() {
    return tensors.spec();
  }

  @Override
  public List<FileStamp> stamps() {
    return stamps;
  }

  @Override
  public SourceFiles source() {
    return source;
  }

  @Override
  public void requireFinite(Parallel parallel, Runnable beforeEach) {
    reading(
        () -> {
          tensors.requireFinite(parallel, beforeEach);
          return true;
        });
  }

  @Override
  public BlockParameters<Matrix> block(int layer) {
    return reading(() -> tensors.block(Objects.checkIndex(layer, spec().layers())));
  }

  @Override
  public BlockParameters<Matrix> block(int layer, Parallel parallel) {
    return reading(() -> tensors.block(Objects.checkIndex(layer, spec().layers()), parallel));
  }

  @Override
  public Optional<QuantizedMatrix> sourceCodes(int layer, LinearRole role) {
    return reading(() -> tensors.sourceCodes(Objects.checkIndex(layer, spec().layers()), role));
  }

  @Override
  public SourceCoverage sourceCoverage() {
    return tensors.sourceCoverage();
  }

  @Override
  public Matrix embeddingRows(int from, int to) {
    return reading(() -> tensors.embeddingRows(from, to));
  }

  @Override
  public Matrix headRows(int from, int to) {
    return reading(() -> tensors.headRows(from, to));
  }

  @Override
  public float[] finalNorm() {
    return reading(() -> tensors.finalNorm());
  }

  @Override
  public GenerationDefaults generationDefaults() {
    return generationDefaults;
  }

  @Override
  public Tokenizer tokenizer() {
    return tokenizer.get();
  }

  @Override
  public Optional<ChatTemplate> chatTemplate() {
    return chatTemplate.get();
  }

  @Override
  public void requireUnchanged() {
    for (FileStamp stamp : stamps) {
      if (!stamp.equals(CheckpointFile.stamp(stamp.path()))) {
        throw new CheckpointException(
            "%s: expected the file that was opened, but it was changed or replaced while the model was loaded; load again when nothing writes the model's files"
                .formatted(stamp.path()));
      }
    }
  }

  /** Runs a read, then fails if a file was written to since it was opened. */
  private <T> T reading(Supplier<T> read) {
    requireOpen();
    T result = read.get();
    Optional<String> rewritten =
        stamps.stream().flatMap(stamp -> stamp.rewritten().stream()).findFirst();
    if (rewritten.isPresent()) {
      throw new CheckpointException(
          rewritten.get() + "; load again when nothing writes the model's files");
    }
    return result;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException(
          "%s: the checkpoint is closed".formatted(stamps.get(0).path()));
    }
  }

  @Override
  public void closeFiles() {
    tensors.close();
  }

  @Override
  public void close() {
    closed = true;
    closeFiles();
    tokenizer.close().ifPresent(Tokenizer::close);
    Optional<Optional<ChatTemplate>> unused = chatTemplate.close();
  }
}
