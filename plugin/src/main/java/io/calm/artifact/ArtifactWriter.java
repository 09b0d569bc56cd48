package io.calm.artifact;

import io.calm.files.FileErrors;
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
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes one artifact, block by block, into a directory that no reader sees, and publishes it as a
 * whole.
 *
 * <p>Blocks go into drafts, because a search makes a mix and a uniform plan and serves one of them.
 * Publishing one draft deletes the others. A buffer is written before the call returns and is not
 * kept. Closing without {@link #publish} deletes everything.
 *
 * <p>Every method throws {@link ArtifactException} if the disk fails or is full; the writer can
 * then only be closed. Not thread safe.
 */
public final class ArtifactWriter implements AutoCloseable {
  private static final Logger logger = LoggerFactory.getLogger(ArtifactWriter.class);

  private final StoreFileSystem files;
  private final ArtifactPaths paths;
  private final ArtifactKey key;
  private final ModelSpec spec;
  private final KeyLock lock;
  private final SectionWriter tables;
  private final Map<String, Draft> drafts = new LinkedHashMap<>();
  private Optional<String> embeddings = Optional.empty();
  private Optional<String> head = Optional.empty();
  private Optional<SharedTables> shared = Optional.empty();
  private boolean closed;

  ArtifactWriter(
      StoreFileSystem files, ArtifactPaths paths, ArtifactKey key, ModelSpec spec, KeyLock lock)
      throws IOException {
    this.files = files;
    this.paths = paths;
    this.key = key;
    this.spec = spec;
    this.lock = lock;
    PrivateFiles.createDirectory(paths.temporary());
    this.tables = new SectionWriter(files, paths.temporary().resolve(Manifest.TABLES));
  }

  /** The blocks of one plan, added in order. */
  public final class Draft {
    private final SectionWriter blocks;
    private Path file;
    private Optional<Manifest.DataFile> finished = Optional.empty();
    private int layers;

    private Draft(SectionWriter blocks) {
      this.blocks = blocks;
      this.file = blocks.file();
    }

    private Manifest.DataFile finish() throws IOException {
      Manifest.DataFile contents = finished.isPresent() ? finished.get() : blocks.finish();
      finished = Optional.of(contents);
      return contents;
    }

    /**
     * Appends the next block.
     *
     * @param layer number of blocks appended before
     * @throws IllegalArgumentException if it is not the next block, or has other shapes than the
     *     model
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
    Path file = paths.temporary().resolve("draft-" + name + ".bin");
    write(name, () -> drafts.put(name, new Draft(new SectionWriter(files, file))));
    return draftOf(name);
  }

  /**
   * Takes a complete draft from another writer of the same store and model. Its bytes are not
   * copied.
   *
   * @return the draft, which belongs to this writer
   */
  public Draft adopt(ArtifactWriter other, Draft draft) {
    requireOpen();
    other.requireOpen();
    other.requireBlocks(draft);
    if (!other.spec.equals(spec)) {
      throw new IllegalArgumentException("draft: expected the model of this artifact, got another");
    }
    Path file = paths.temporary().resolve("draft-adopted.bin");
    Draft adopted = new Draft(draft.blocks);
    write(
        "the draft",
        () -> {
          adopted.finished = Optional.of(draft.finish());
          Files.move(draft.file, file);
          other.drafts.values().remove(draft);
        });
    adopted.file = file;
    adopted.layers = draft.layers;
    drafts.put("adopted", adopted);
    return adopted;
  }

  private Draft draftOf(String name) {
    Draft draft = drafts.get(name);
    if (draft == null) {
      throw new IllegalArgumentException("no draft " + name);
    }
    return draft;
  }

  /**
   * Shares both tables and the final norm with a published artifact of the same model, instead of
   * writing them.
   *
   * @throws ArtifactException if that artifact is missing or damaged
   */
  public void tablesOf(ArtifactKey published) {
    requireOpen();
    requireAbsent(TableSections.EMBEDDINGS, embeddings);
    requireAbsent(TableSections.HEAD, head);
    SharedTables tables =
        SharedTables.of(new ArtifactPaths(paths.root(), published.id()).directory(), published);
    embeddings = Optional.of(tables.manifest().embeddings());
    head = Optional.of(tables.manifest().head());
    shared = Optional.of(tables);
  }

  /** Writes the embedding table [V, D]. */
  public void embeddings(TokenTable table) {
    embeddings = Optional.of(table(TableSections.EMBEDDINGS, embeddings, table));
  }

  /** Writes the lm_head [V, D]. */
  public void head(TokenTable table) {
    head = Optional.of(table(TableSections.HEAD, head, table));
  }

  /** Declares that the lm_head is the embedding table, in the same format. */
  public void tiedHead() {
    requireAbsent(TableSections.HEAD, head);
    head = Optional.of(Manifest.TIED);
  }

  private String table(String name, Optional<String> written, TokenTable table) {
    requireOpen();
    requireAbsent(name, written);
    TableSections.requireFits(spec, name, table);
    write(name, () -> TableSections.write(tables, name, table));
    return table.format().setting();
  }

  private static void requireAbsent(String name, Optional<String> written) {
    if (written.isPresent()) {
      throw new IllegalStateException(name + " has been written");
    }
  }

  /**
   * Publishes the artifact, reads it back from disk and verifies it. Closes the writer.
   *
   * @param draft the blocks to serve; complete
   * @param finalNorm weight [D] of the norm before the head
   */
  public Artifact publish(
      QuantPlan plan, Draft draft, float[] finalNorm, ActivationMode activation) {
    requireOpen();
    requireComplete(draft);
    if (shared.isPresent()) {
      throw new IllegalStateException("the final norm is shared with the tables");
    }
    TableSections.requireFits(spec, finalNorm);
    write(TableSections.FINAL_NORM, () -> tables.write(TableSections.FINAL_NORM, finalNorm));
    return publish(plan, draft, activation);
  }

  /** Publishes an artifact with {@link #tablesOf shared tables} likewise. */
  public Artifact publishShared(QuantPlan plan, Draft draft) {
    requireOpen();
    requireComplete(draft);
    return publish(plan, draft, shared.orElseThrow().manifest().activation());
  }

  private Artifact publish(QuantPlan plan, Draft draft, ActivationMode activation) {
    String headFormat = head.orElseThrow();
    String embeddingsFormat = embeddings.orElseThrow();
    write(
        Manifest.NAME,
        () -> {
          Map<String, Manifest.DataFile> files = new LinkedHashMap<>();
          files.put(Manifest.BLOCKS, draft.finish());
          Set<String> published = new HashSet<>();
          files.put(Manifest.TABLES, finishTables(published));
          keepOnly(draft);
          Publication publication = new Publication(this.files, paths);
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
          publication.publish(published);
        });
    closed = true;
    try {
      return ArtifactReader.open(paths.directory(), key);
    } catch (BadArtifactException e) {
      throw new ArtifactException(
          "%s: read back differently from what was written: %s; check the disk"
              .formatted(paths.directory(), e.getMessage()),
          e);
    } finally {
      lock.close();
    }
  }

  /**
   * Completes the tables and returns their contents.
   *
   * @param published receives the name of the file if another artifact has published it
   */
  private Manifest.DataFile finishTables(Set<String> published) throws IOException {
    if (shared.isEmpty()) {
      return tables.finish();
    }
    tables.close();
    Files.delete(tables.file());
    if (shared.get().shareAs(tables.file(), files)) {
      published.add(Manifest.TABLES);
    }
    return shared.get().contents();
  }

  private void keepOnly(Draft served) throws IOException {
    for (Draft draft : drafts.values()) {
      if (draft != served) {
        draft.blocks.close();
        Files.delete(draft.file);
      }
    }
    Files.move(served.file, paths.temporary().resolve(Manifest.BLOCKS));
  }

  private void requireComplete(Draft draft) {
    requireBlocks(draft);
    if (embeddings.isEmpty() || head.isEmpty()) {
      throw new IllegalStateException("expected embeddings and head, got one or none");
    }
  }

  private void requireBlocks(Draft draft) {
    if (!drafts.containsValue(draft)) {
      throw new IllegalArgumentException("draft: expected one of this writer");
    }
    if (draft.layers != spec.layers()) {
      throw new IllegalStateException(
          "draft: expected %d blocks, got %d".formatted(spec.layers(), draft.layers));
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("artifact " + paths.id() + ": its writer is closed");
    }
  }

  /** A write operation. */
  private interface Step {
    void run() throws IOException;
  }

  private void write(String what, Step step) {
    try {
      step.run();
    } catch (IOException e) {
      throw new ArtifactException(
          "%s: %s cannot be written: %s; free space there, or set calm.cache-dir"
              .formatted(paths.temporary(), what, FileErrors.reason(e)),
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
      files.delete(paths.temporary());
    } catch (IOException e) {
      logger.warn(
          "{}: cannot be deleted ({}); the next writer will", paths.temporary(), e.toString());
    } finally {
      lock.close();
    }
  }
}
