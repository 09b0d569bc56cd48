package io.calm.quantize;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactException;
import io.calm.artifact.ArtifactKey;
import io.calm.artifact.ArtifactLayout;
import io.calm.artifact.ArtifactStore;
import io.calm.artifact.ArtifactWriter;
import io.calm.artifact.FileDigests;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.FileAnswers;
import io.calm.search.SearchProgress;
import io.calm.settings.CalmSettings;
import io.calm.settings.CalmSettings.HeadFormat;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Quantized models by their checkpoint and settings: a finished artifact where there is one, else a
 * search that makes it. The search runs on the calling thread and loads PyTorch; finding does not.
 */
public final class QuantizedModelStore {
  private static final Logger logger = LoggerFactory.getLogger(QuantizedModelStore.class);

  /** Changes whenever the same settings make other numbers than before. */
  private static final int RECIPE = 9;

  private final CalmSettings settings;
  private final ArtifactStore store;
  private final FileDigests digests;

  public QuantizedModelStore(CalmSettings settings) {
    this.settings = settings;
    this.store = new ArtifactStore(settings.cacheDir());
    this.digests = new FileDigests(settings.cacheDir());
  }

  /** Returns the finished artifact, if there is one. */
  public Optional<Artifact> find(Checkpoint checkpoint) {
    return store.find(key(checkpoint));
  }

  /**
   * Returns the artifact, making it where there is none.
   *
   * @param progress told of every step of a search, on this thread
   * @throws NotEnoughMemoryException if the search needs more than the JVM may take
   */
  public Artifact get(Checkpoint checkpoint, Consumer<SearchProgress> progress) {
    progress.accept(SearchProgress.phase("opening", 0));
    ArtifactKey key = key(checkpoint);
    Optional<Artifact> found = store.find(key);
    if (found.isPresent()) {
      return found.get();
    }
    ArtifactStore.Claim claim = store.begin(key, checkpoint.spec(), layout(checkpoint));
    if (claim instanceof ArtifactStore.Ready ready) {
      return ready.artifact();
    }
    try (ArtifactWriter writer = ((ArtifactStore.Granted) claim).writer()) {
      logger.info("no finished artifact for this model and these settings: quantizing it now");
      Artifact artifact =
          new Quantization(checkpoint, key.modelDigests(), settings, progress).run(writer);
      logger.info("{} is written, {} MiB", artifact.directory(), artifact.sizeInBytes() >> 20);
      return artifact;
    } catch (OutOfMemoryError e) {
      throw new NotEnoughMemoryException(
          ("quantizing this model needs more memory outside the heap than the JVM may take, %d MiB"
                  + " (%s); start it with -XX:MaxDirectMemorySize=8g or more")
              .formatted(Memory.directLimit() >> 20, e.getMessage()),
          e);
    }
  }

  /** Returns the format that will be written: the larger one if a search may choose. */
  ArtifactLayout layout(Checkpoint checkpoint) {
    boolean tied = checkpoint.spec().tiedEmbeddings();
    HeadFormat format = settings.lmHead();
    String int8 = HeadFormat.INT8.setting();
    String embeddings =
        switch (format) {
          case AUTO, INT8, INT4 -> int8;
          case FLOAT16, FLOAT32 -> format.setting();
        };
    Optional<String> head =
        switch (format) {
          case AUTO -> Optional.of(tied ? HeadFormat.INT4.setting() : int8);
          case INT4 -> Optional.of(HeadFormat.INT4.setting());
          case INT8, FLOAT16, FLOAT32 -> tied ? Optional.empty() : Optional.of(format.setting());
        };
    boolean guarded = settings.algorithm().isEmpty() && settings.guard();
    return new ArtifactLayout(
        Quantization.group(checkpoint, settings), embeddings, head, guarded ? 2 : 1);
  }

  private ArtifactKey key(Checkpoint checkpoint) {
    String calibration = settings.calibration().map(this::digest).orElse("self");
    return new ArtifactKey(
        ofFiles(() -> digests.sha256(checkpoint.files())),
        "recipe=" + RECIPE + "\n" + settings.resultKey(),
        calibration);
  }

  private String digest(Path file) {
    return ofFiles(() -> digests.sha256(List.of(file))).get(0);
  }

  /** Returns the answers about model files that the cache remembers. */
  public FileAnswers answers() {
    return (question, files, compute) -> ofFiles(() -> digests.answer(question, files, compute));
  }

  /** Reads files of the model; that they change or vanish is no fault of the cache. */
  private static <T> T ofFiles(Supplier<T> read) {
    try {
      return read.get();
    } catch (ArtifactException e) {
      throw new CheckpointException(String.valueOf(e.getMessage()), e);
    }
  }
}
