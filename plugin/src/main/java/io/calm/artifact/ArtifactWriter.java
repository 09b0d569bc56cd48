package io.calm.artifact;

import io.calm.files.PrivateFiles;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.search.QuantPlan;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes one artifact block by block into a directory that no reader sees, then publishes it whole.
 *
 * <p>Blocks go into drafts, because the search makes a mix and a uniform plan and serves one of
 * them; the others are deleted when one is published. Buffers are written before a call returns and
 * not kept. Closing without {@link #publish} deletes everything. Not thread safe. Every method
 * throws {@link ArtifactException} if the disk fails or is full; the writer can then only be
 * closed.
 */
public final class ArtifactWriter implements AutoCloseable {
  private static final Logger logger = LoggerFactory.getLogger(ArtifactWriter.class);

  private final Disk disk;
  private final Place place;
  private final ArtifactKey key;
  private final ModelSpec spec;
  private final KeyLock lock;
  private final SectionWriter tables;
  private final Map<String, Draft> drafts = new LinkedHashMap<>();
  private Optional<String> embeddings = Optional.empty();
  private Optional<String> head = Optional.empty();
  private boolean closed;

  ArtifactWriter(Disk disk, Place place, ArtifactKey key, ModelSpec spec, KeyLock lock)
      throws IOException {
    this.disk = disk;
    this.place = place;
    this.key = key;
    this.spec = spec;
    this.lock = lock;
    PrivateFiles.createDirectory(place.temporary());
    this.tables = new SectionWriter(disk, place.temporary().resolve(Manifest.TABLES));
  }

  /** The blocks of one plan, added in order. */
  public final class Draft {
    private final SectionWriter blocks;
    private int layers;

    private Draft(SectionWriter blocks) {
      this.blocks = blocks;
    }

    /**
     * Appends the next block.
     *
     * @param layer the number of blocks added before
     * @throws IllegalArgumentException if it is not the next, or not of the model's shapes
     */
    public void block(int layer, BlockParameters<QuantizedLinear> block) {
      requireOpen();
      if (layer != layers || layer >= spec.layers()) {
        throw new IllegalArgumentException(
            "draft: expected block %d of %d, got block %d".formatted(layers, spec.layers(), layer));
      }
      BlockSections.requireFits(spec, layer, block);
      write("block " + layer, () -> BlockSections.write(blocks, layer, block));
      layers++;
    }
  }

  /** Starts the blocks of a plan, e.g. {@code calm} or {@code uniform-gptq}. */
  public Draft draft(String name) {
    requireOpen();
    if (!name.matches("[A-Za-z0-9+_-]+") || drafts.containsKey(name)) {
      throw new IllegalArgumentException(
          "draft: expected a new name of letters and digits, got \"%s\"".formatted(name));
    }
    Path file = place.temporary().resolve("draft-" + name + ".bin");
    write(name, () -> drafts.put(name, new Draft(new SectionWriter(disk, file))));
    return draftOf(name);
  }

  private Draft draftOf(String name) {
    Draft draft = drafts.get(name);
    if (draft == null) {
      throw new IllegalArgumentException("no draft " + name);
    }
    return draft;
  }

  /** Writes the embedding table [V, D]. */
  public void embeddings(TokenTable table) {
    embeddings = Optional.of(table(TableSections.EMBEDDINGS, embeddings, table));
  }

  /** Writes the lm_head [V, D]. */
  public void head(TokenTable table) {
    head = Optional.of(table(TableSections.HEAD, head, table));
  }

  /** Says that the lm_head is the embedding table, in its format too. */
  public void tiedHead() {
    requireAbsent(TableSections.HEAD, head);
    head = Optional.of(Manifest.TIED);
  }

  private String table(String name, Optional<String> written, TokenTable table) {
    requireOpen();
    requireAbsent(name, written);
    TableSections.requireFits(spec, name, table);
    write(name, () -> TableSections.write(tables, name, table));
    return table.format();
  }

  private static void requireAbsent(String name, Optional<String> written) {
    if (written.isPresent()) {
      throw new IllegalStateException(name + " has been written");
    }
  }

  /**
   * Makes the artifact visible, reads it back from disk and verifies it. The writer is closed then.
   *
   * @param draft the blocks to serve, all of them added
   * @param finalNorm weight [D] of the norm before the head
   */
  public Artifact publish(
      QuantPlan plan, Draft draft, float[] finalNorm, ActivationMode activation) {
    requireOpen();
    requireComplete(draft, finalNorm);
    write(TableSections.FINAL_NORM, () -> tables.write(TableSections.FINAL_NORM, finalNorm));
    String headFormat = head.orElseThrow();
    String embeddingsFormat = embeddings.orElseThrow();
    write(
        Manifest.NAME,
        () -> {
          Map<String, Manifest.DataFile> files = new LinkedHashMap<>();
          files.put(Manifest.BLOCKS, draft.blocks.finish());
          files.put(Manifest.TABLES, tables.finish());
          keepOnly(draft);
          Publication publication = new Publication(disk, place);
          files.put(Manifest.PLAN, publication.plan(plan));
          publication.manifest(
              new Manifest(
                  Manifest.FORMAT,
                  key.id(),
                  key,
                  spec,
                  activation,
                  embeddingsFormat,
                  headFormat,
                  files));
          publication.publish();
        });
    closed = true;
    try {
      return ArtifactReader.open(place.directory(), key);
    } catch (BadArtifactException e) {
      throw new ArtifactException(
          "%s: read back differently from what was written: %s; check the disk"
              .formatted(place.directory(), e.getMessage()),
          e);
    } finally {
      lock.close();
    }
  }

  private void keepOnly(Draft served) throws IOException {
    for (Draft draft : drafts.values()) {
      if (draft != served) {
        draft.blocks.close();
        Files.delete(draft.blocks.file());
      }
    }
    Files.move(served.blocks.file(), place.temporary().resolve(Manifest.BLOCKS));
  }

  private void requireComplete(Draft draft, float[] finalNorm) {
    if (!drafts.containsValue(draft)) {
      throw new IllegalArgumentException("draft: expected one of this writer");
    }
    if (draft.layers != spec.layers()) {
      throw new IllegalStateException(
          "draft: expected %d blocks, got %d".formatted(spec.layers(), draft.layers));
    }
    if (embeddings.isEmpty() || head.isEmpty()) {
      throw new IllegalStateException("expected embeddings and head, got one or none");
    }
    if (finalNorm.length != spec.hidden()) {
      throw new IllegalArgumentException(
          "final norm: expected %d weights, got %d".formatted(spec.hidden(), finalNorm.length));
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("artifact " + place.id() + ": its writer is closed");
    }
  }

  /** A step that writes. */
  private interface Step {
    void run() throws IOException;
  }

  private void write(String what, Step step) {
    try {
      step.run();
    } catch (IOException e) {
      throw new ArtifactException(
          "%s: %s cannot be written: %s; free space there, or set calm.cache-dir"
              .formatted(place.temporary(), what, e),
          e);
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      for (Draft draft : drafts.values()) {
        draft.blocks.close();
      }
      tables.close();
      disk.delete(place.temporary());
    } catch (IOException e) {
      logger.warn("{}: cannot be deleted ({}); the next writer will", place.temporary(), e);
    } finally {
      lock.close();
    }
  }
}
