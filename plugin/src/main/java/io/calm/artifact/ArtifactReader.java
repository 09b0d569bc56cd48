package io.calm.artifact;

import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.calm.files.FileErrors;
import io.calm.files.PrivateFiles;
import io.calm.files.UntrustedPathException;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.search.QuantPlan;
import io.calm.tensor.Lifetime;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Opens a published artifact and verifies every byte of it. */
final class ArtifactReader {
  private final Path directory;
  private final Map<String, MappedSections> files = new HashMap<>();

  private ArtifactReader(Path directory) {
    this.directory = directory;
  }

  /**
   * Opens and verifies {@code directory}, which must be the artifact of {@code key}.
   *
   * @throws BadArtifactException if its bytes are wrong
   * @throws ArtifactException if its bytes cannot be read, which says nothing about them
   */
  static Artifact open(Path directory, ArtifactKey key) throws BadArtifactException {
    ArtifactReader reader = new ArtifactReader(directory);
    boolean good = false;
    try {
      Artifact artifact = reader.open(key);
      good = true;
      return artifact;
    } catch (UntrustedPathException e) {
      throw new ArtifactException(String.valueOf(e.getMessage()), e);
    } catch (ClosedChannelException e) { // nothing but an interrupt closes a channel in use
      throw new ArtifactException("%s: interrupted while it was read".formatted(directory), e);
    } catch (IOException e) {
      throw new ArtifactException(
          "%s: cannot be read: %s; remove the cause and load the model again"
              .formatted(directory, FileErrors.reason(e)),
          e);
    } catch (InternalError e) { // a mapped page that is not there
      throw new BadArtifactException("was cut short while it was read: " + e.getMessage(), e);
    } catch (IllegalArgumentException | IndexOutOfBoundsException | JsonParseException e) {
      throw new BadArtifactException("inconsistent: " + e.getMessage(), e);
    } finally {
      if (!good) {
        reader.unmap();
      }
    }
  }

  /** Reads and verifies the manifest of a published artifact, without its data. */
  static Manifest manifest(Path directory, ArtifactKey key)
      throws IOException, BadArtifactException {
    try {
      return new ArtifactReader(directory).readManifest(key);
    } catch (IllegalArgumentException | JsonParseException e) {
      throw new BadArtifactException("inconsistent: " + e.getMessage(), e);
    }
  }

  private void unmap() {
    files.values().forEach(MappedSections::close);
  }

  /** Describes the damage to a mapped file of the model, if any. */
  private Optional<String> damage() {
    return Stream.of(Manifest.BLOCKS, Manifest.TABLES)
        .flatMap(name -> file(name).cutShort().stream())
        .findFirst()
        .map(what -> "artifact " + what);
  }

  private Artifact open(ArtifactKey key) throws IOException, BadArtifactException {
    Manifest manifest = readManifest(key);
    long size = 0;
    for (Map.Entry<String, Manifest.DataFile> file : manifest.files().entrySet()) {
      MappedSections sections =
          MappedSections.map(directory.resolve(file.getKey()), file.getValue(), Integer.MAX_VALUE);
      files.put(file.getKey(), sections);
      size += file.getValue().length();
      Optional<String> wrong = sections.verify();
      if (wrong.isPresent()) {
        throw new BadArtifactException(wrong.get());
      }
    }
    String plan =
        StandardCharsets.UTF_8.decode(file(Manifest.PLAN).bytes(Manifest.PLAN)).toString();
    return new Artifact(key, directory, model(manifest), Json.read(plan, QuantPlan.class), size);
  }

  private Manifest readManifest(ArtifactKey key) throws IOException, BadArtifactException {
    byte[] bytes = read(Manifest.NAME);
    String checksum = new String(read(Manifest.CHECKSUM_NAME), StandardCharsets.UTF_8);
    if (!checksum.equals(Manifest.checksumText(bytes))) {
      throw new BadArtifactException(
          "%s: expected SHA-256 %s, got %s"
              .formatted(Manifest.NAME, checksum.strip(), Sha256.of(bytes)));
    }
    JsonElement json = JsonParser.parseString(new String(bytes, StandardCharsets.UTF_8));
    int format = json.getAsJsonObject().get("format").getAsInt();
    if (format != Manifest.FORMAT) {
      throw new BadArtifactException(
          "%s: expected format %d, got %d".formatted(Manifest.NAME, Manifest.FORMAT, format));
    }
    Manifest manifest = Json.read(json, Manifest.class);
    if (!manifest.key().equals(key) || !manifest.id().equals(key.id())) {
      throw new BadArtifactException(
          "%s: expected the artifact of %s, got that of %s"
              .formatted(Manifest.NAME, key, manifest.key()));
    }
    return manifest;
  }

  private byte[] read(String name) throws IOException, BadArtifactException {
    try {
      return PrivateFiles.read(directory.resolve(name));
    } catch (NoSuchFileException e) {
      throw new BadArtifactException(name + " is missing", e);
    }
  }

  private MappedSections file(String name) {
    MappedSections sections = files.get(name);
    if (sections == null) {
      throw new IllegalArgumentException(Manifest.NAME + ": no file " + name);
    }
    return sections;
  }

  private static TableFormat format(String name) {
    return TableFormat.parse(name)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "%s: there is no table format '%s'".formatted(Manifest.NAME, name)));
  }

  private QuantizedModel model(Manifest manifest) {
    ModelSpec spec = manifest.spec();
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
    for (int layer = 0; layer < spec.layers(); layer++) {
      blocks.add(BlockSections.read(file(Manifest.BLOCKS), layer, spec));
    }
    MappedSections tables = file(Manifest.TABLES);
    TokenTable embeddings =
        TableSections.read(tables, TableSections.EMBEDDINGS, format(manifest.embeddings()), spec);
    TokenTable head =
        manifest.head().equals(Manifest.TIED)
            ? embeddings
            : TableSections.read(tables, TableSections.HEAD, format(manifest.head()), spec);
    float[] finalNorm = tables.floats(TableSections.FINAL_NORM);
    TableSections.requireFits(spec, finalNorm);
    return new QuantizedModel(
        spec,
        blocks,
        embeddings,
        head,
        finalNorm,
        manifest.activation(),
        new Lifetime(this::unmap, this::damage));
  }
}
