package io.calm.quantize;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactKey;
import io.calm.artifact.ArtifactLayout;
import io.calm.artifact.ArtifactStore;
import io.calm.artifact.ArtifactWriter;
import io.calm.artifact.FileDigests;
import io.calm.checkpoint.Checkpoint;
import io.calm.search.SearchProgress;
import io.calm.settings.CalmSettings;
import io.calm.settings.PlanSettings;
import io.calm.tensor.TableFormat;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Quantized models by their checkpoint and settings: a finished artifact where there is one, else a
 * search that makes it. The search runs on the calling thread and loads PyTorch; finding does not.
 */
public final class QuantizedModelStore {
  private static final Logger LOGGER = LoggerFactory.getLogger(QuantizedModelStore.class);

  /** Changes whenever the same settings make other numbers than before. */
  private static final int RECIPE = 9;

  private final CalmSettings settings;
  private final ArtifactStore store;
  private final FileDigests digests;

  public QuantizedModelStore(CalmSettings settings) {
    this.settings = settings;
    this.store = new ArtifactStore(settings.loading().cacheDir());
    this.digests = new FileDigests(settings.loading().cacheDir());
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
      LOGGER.info("no finished artifact for this model and these settings: quantizing it now");
      Artifact artifact =
          new Quantization(checkpoint, key.modelDigests(), settings, progress).run(writer);
      LOGGER.info("{} is written, {} MiB", artifact.directory(), artifact.sizeInBytes() >> 20);
      return artifact;
    } catch (OutOfMemoryError e) {
      throw new NotEnoughMemoryException(
          ("quantizing this model needs more memory outside the heap than the JVM may take, %d MiB"
                  + " (%s); start it with -XX:MaxDirectMemorySize=8g or more")
              .formatted(Memory.directLimit() >> 20, e.getMessage()),
          e);
    }
  }

  /**
   * Returns the sizes of the artifact before it exists. If the search chooses between formats of
   * the lm_head, it is the larger one.
   */
  public ArtifactLayout layout(Checkpoint checkpoint) {
    boolean tied = checkpoint.spec().tiedEmbeddings();
    Optional<TableFormat> format = settings.quantization().lmHead();
    TableFormat embeddings =
        format.filter(given -> given != TableFormat.INT4).orElse(TableFormat.INT8);
    TableFormat automatic = tied ? TableFormat.INT4 : TableFormat.INT8;
    TableFormat head = format.orElse(automatic);
    boolean shared = tied && head == embeddings;
    PlanSettings plan = settings.quantization().plan();
    boolean guarded = plan.algorithm().isEmpty() && plan.guard();
    return new ArtifactLayout(
        Quantization.group(checkpoint, settings),
        embeddings,
        shared ? Optional.empty() : Optional.of(head),
        guarded ? 2 : 1);
  }

  private ArtifactKey key(Checkpoint checkpoint) {
    String calibration = settings.quantization().calibration().file().map(this::digest).orElse("self");
    return new ArtifactKey(
        digests.sha256(checkpoint.files()),
        "recipe=" + RECIPE + "\n" + settings.quantization().resultKey(),
        calibration);
  }

  private String digest(Path file) {
    return digests.sha256(List.of(file)).get(0);
  }
}
