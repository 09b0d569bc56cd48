package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.QuantizedModel;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A damaged artifact is found out, reported in one line, and rebuilt. */
final class DamageTest {
  private static final QuantizedModel MODEL = ExampleModel.create(5);

  private final ArtifactStore store;
  private final Path directory;

  DamageTest(@TempDir Path cacheDir) throws IOException {
    store = new ArtifactStore(cacheDir);
    directory = ExampleModel.publish(store, MODEL).directory();
    for (Path file : files()) {
      assertTrue(file.toFile().setWritable(true)); // published files are read only
    }
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.sorted().toList();
    }
  }

  /** Returns the only line that a search for the artifact logs. */
  private String refusal() throws IOException {
    try (CapturedLog log = new CapturedLog()) {
      assertEquals(Optional.empty(), store.find(ExampleModel.KEY));
      List<String> lines = log.lines();
      assertEquals(1, lines.size(), lines::toString);
      assertTrue(lines.get(0).contains("WARN"), lines::toString);
      assertTrue(lines.get(0).contains(directory.toString()), lines::toString);
      assertTrue(lines.get(0).endsWith("it will be rebuilt"), lines::toString);
      return lines.get(0);
    }
  }

  @Test
  void aCallerThatDoesNotMakeItSaysThatItIsNotUsed() throws IOException {
    Files.write(directory.resolve(Manifest.BLOCKS), new byte[1]);
    try (CapturedLog log = new CapturedLog()) {
      assertEquals(Optional.empty(), store.findFinished(ExampleModel.KEY));
      assertTrue(log.lines().get(0).endsWith("; it is not used"), log.lines()::toString);
    }
    assertTrue(Files.exists(directory));
  }

  private void assertIsMadeAgain() {
    assertInstanceOf(Artifact.class, ExampleModel.publish(store, MODEL));
    SameModel.assertSame(MODEL, store.find(ExampleModel.KEY).orElseThrow().model());
  }

  @Test
  void aFlippedBitAnywhereIsFoundOut() throws IOException {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (Path file : files()) {
      byte[] bytes = Files.readAllBytes(file);
      for (int trial = 0; trial < 60; trial++) {
        int at = trial == 0 ? 0 : trial == 1 ? bytes.length - 1 : random.nextInt(bytes.length);
        int bit = 1 << random.nextInt(8);
        bytes[at] ^= (byte) bit;
        Files.write(file, bytes);
        try (CapturedLog log = new CapturedLog()) {
          assertEquals(
              Optional.empty(),
              store.find(ExampleModel.KEY),
              () -> "seed %d: %s, byte %d, bit %d".formatted(seed, file, at, bit));
          assertEquals(1, log.lines().size());
        }
        bytes[at] ^= (byte) bit;
      }
      Files.write(file, bytes);
      SameModel.assertSame(MODEL, store.find(ExampleModel.KEY).orElseThrow().model());
    }
  }

  @Test
  void theLineNamesFileSectionAndChecksums() throws IOException {
    Path blocks = directory.resolve("blocks.bin");
    byte[] bytes = Files.readAllBytes(blocks);
    bytes[3] ^= 1;
    Files.write(blocks, bytes);
    assertTrue(refusal().contains("blocks.bin: block.0.q.codes: expected CRC-32C"));
    assertIsMadeAgain();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"blocks.bin", "tables.bin", "plan.json", "manifest.json", "manifest.json.sha256"})
  void aTruncatedGrownOrMissingFileIsFoundOut(String name) throws IOException {
    Path file = directory.resolve(name);
    byte[] whole = Files.readAllBytes(file);
    for (int length : new int[] {0, 1, whole.length / 2, whole.length - 1, whole.length + 1}) {
      Files.write(file, Arrays.copyOf(whole, length));
      refusal();
    }
    Files.delete(file);
    assertTrue(refusal().contains(name + " is missing"));
    assertIsMadeAgain();
  }

  private void rewriteManifest(String from, String to) throws IOException {
    Path manifest = directory.resolve("manifest.json");
    String text = Files.readString(manifest);
    assertTrue(text.contains(from), text);
    byte[] changed = text.replace(from, to).getBytes(StandardCharsets.UTF_8);
    Files.write(manifest, changed);
    Files.writeString(directory.resolve("manifest.json.sha256"), Manifest.checksumText(changed));
  }

  @Test
  void aManifestOfAnotherVersionIsRefused() throws IOException {
    rewriteManifest("\"format\": 4,", "\"format\": 3,");
    assertTrue(refusal().contains("manifest.json: expected format 4, got 3"));
    assertIsMadeAgain();
  }

  @Test
  void theArtifactOfAnotherKeyIsRefused() throws IOException {
    rewriteManifest("seed=7", "seed=8");
    assertTrue(refusal().contains("expected the artifact of"));
    assertIsMadeAgain();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"layers\": 3,->\"layers\": 4,",
        "\"hidden\": 96,->\"hidden\": 97,",
        "\"hidden\": 96,->\"hidden\": -1,",
        "\"hidden\": 96,->",
        "\"embeddings\": \"int8\"->\"embeddings\": \"int3\"",
        "[50,96,32]->[50]",
        "[50,96,32]->[50,96,16]",
        "[50,96,32]->[50,96,0]",
        "\"offset\":0,->\"offset\":64,",
        "PER_TOKEN->PER_TABLE",
        "\"settings\":->\"setting\":",
        "tables.bin->other.bin",
        "{->[",
      })
  void aManifestThatContradictsItselfIsRefused(String change) throws IOException {
    String[] fromTo = change.split("->", -1);
    rewriteManifest(fromTo[0], fromTo[1]);
    refusal();
    assertIsMadeAgain();
  }

  @Test
  void aFinalNormOfAnotherLengthIsRefused() throws IOException {
    String manifest = Files.readString(directory.resolve("manifest.json"));
    int section = manifest.indexOf("\"name\":\"final-norm\"");
    int length = manifest.indexOf("\"length\":384,", section);
    assertTrue(section > 0 && length > section, manifest);
    int end = manifest.indexOf(',', length);
    rewriteManifest(
        manifest.substring(section, end),
        manifest.substring(section, length) + "\"length\":4"); // the checksum is of the extent
    assertTrue(
        refusal().contains("inconsistent: final-norm: expected 96 weights, got 1"), "the reason");
    assertIsMadeAgain();
  }

  /** A failure of the file system says nothing about the bytes, which may have taken an hour. */
  @Test
  void anArtifactThatCannotBeReadIsKept() throws IOException {
    rewriteManifest("tables.bin", "x".repeat(300)); // too long a name to be opened
    for (Executable read :
        new Executable[] {
          () -> store.find(ExampleModel.KEY), () -> ExampleModel.publish(store, MODEL)
        }) {
      ArtifactException refused = assertThrows(ArtifactException.class, read);
      assertEquals(
          directory
              + ": cannot be read: File name too long; remove the cause and load the model again",
          refused.getMessage());
    }
    assertEquals(5, files().size());
  }

  @Test
  void aPartThatCannotBeReadDoesNotCountAsDifferent() throws IOException {
    List<Checksums.Expected> parts =
        List.of(
            new Checksums.Expected("a", 0, 1, "00000000"),
            new Checksums.Expected("b", 1, 1, "00000000"));
    FileChannel closed = FileChannel.open(directory.resolve(Manifest.BLOCKS));
    closed.close();
    assertThrows(ClosedChannelException.class, () -> Checksums.verify(closed, parts));
  }

  @Test
  void anEmptyDirectoryIsRefused() throws IOException {
    for (Path file : files()) {
      Files.delete(file);
    }
    refusal();
    assertIsMadeAgain();
  }

  @Test
  void aModelInUseOutlivesItsDirectory() throws IOException {
    QuantizedModel used = store.find(ExampleModel.KEY).orElseThrow().model();
    Files.delete(directory.resolve("plan.json"));
    assertIsMadeAgain();
    SameModel.assertSame(MODEL, used);
  }
}
