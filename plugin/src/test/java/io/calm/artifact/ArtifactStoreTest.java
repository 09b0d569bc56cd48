package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.ActivationMode;
import io.calm.model.QuantizedModel;
import io.calm.tensor.TokenTable;
import io.calm.testing.Owners;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class ArtifactStoreTest {
  private final Path cacheDir;
  private final ArtifactStore store;

  ArtifactStoreTest(@TempDir Path cacheDir) {
    this.cacheDir = cacheDir;
    this.store = new ArtifactStore(cacheDir);
  }

  private Set<String> entries() throws IOException {
    try (Stream<Path> files = Files.list(cacheDir.resolve("artifacts"))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> !name.endsWith(".lock"))
          .collect(Collectors.toSet());
    }
  }

  private ArtifactWriter granted() {
    return assertInstanceOf(
            ArtifactStore.Granted.class, ExampleModel.claim(store, ExampleModel.spec(3)))
        .writer();
  }

  static List<QuantizedModel> models() {
    TokenTable tied = ExampleModel.int8(1);
    return List.of(
        ExampleModel.create(1, 3, tied, tied),
        ExampleModel.create(2, 1, ExampleModel.int8(2), ExampleModel.int8(3)),
        ExampleModel.create(3, 2, ExampleModel.float16(2), ExampleModel.int4(3)),
        ExampleModel.create(4, 2, ExampleModel.int4(2), ExampleModel.float32(3)));
  }

  @ParameterizedTest
  @MethodSource("models")
  void givesBackWhatWasPublished(QuantizedModel model) {
    assertEquals(Optional.empty(), store.find(ExampleModel.KEY));
    Artifact published = ExampleModel.publish(store, model);
    SameModel.assertSame(model, published.model());
    Artifact found = new ArtifactStore(cacheDir).find(ExampleModel.KEY).orElseThrow();
    SameModel.assertSame(model, found.model());
    assertEquals(ExampleModel.plan(model.blocks().size()), found.plan());
    assertEquals(ExampleModel.KEY, found.key());
  }

  @Test
  void leavesNothingElseBehind() throws IOException {
    Artifact artifact = ExampleModel.publish(store, ExampleModel.create(1));
    assertEquals(Set.of(ExampleModel.KEY.id()), entries());
    try (Stream<Path> files = Files.list(artifact.directory())) {
      assertEquals(
          Set.of("blocks.bin", "tables.bin", "plan.json", "manifest.json", "manifest.json.sha256"),
          files.map(file -> file.getFileName().toString()).collect(Collectors.toSet()));
    }
    long dataBytes = 0;
    for (String name : List.of("blocks.bin", "tables.bin", "plan.json")) {
      dataBytes += Files.size(artifact.directory().resolve(name));
    }
    assertEquals(dataBytes, artifact.sizeInBytes());
  }

  @Test
  void aWriterThatIsClosedLeavesNothing() throws IOException {
    QuantizedModel model = ExampleModel.create(1);
    try (ArtifactWriter writer = granted()) {
      writer.embeddings(model.embeddings());
      writer.draft("calm").block(0, model.blocks().get(0));
      assertEquals(Set.of(ExampleModel.KEY.id() + ".tmp"), entries());
    }
    assertEquals(Set.of(), entries());
    assertEquals(Optional.empty(), store.find(ExampleModel.KEY));
    SameModel.assertSame(model, ExampleModel.publish(store, model).model());
  }

  @Test
  void servesTheDraftThatIsPublished() throws IOException {
    QuantizedModel mix = ExampleModel.create(1);
    QuantizedModel uniform = ExampleModel.create(2, 3, mix.embeddings(), mix.head());
    try (ArtifactWriter writer = granted()) {
      ArtifactWriter.Draft mixed = writer.draft("calm");
      ArtifactWriter.Draft other = writer.draft("uniform-awq+gptq");
      for (int layer = 0; layer < 3; layer++) {
        mixed.block(layer, mix.blocks().get(layer));
        other.block(layer, uniform.blocks().get(layer));
      }
      writer.head(mix.head());
      writer.embeddings(mix.embeddings());
      Artifact artifact =
          writer.publish(
              ExampleModel.plan(3), other, uniform.finalNorm(), ActivationMode.PER_TOKEN);
      SameModel.assertSame(uniform, artifact.model());
    }
    assertEquals(Set.of(ExampleModel.KEY.id()), entries());
  }

  @Test
  void refusesWhatDoesNotBelong() {
    QuantizedModel model = ExampleModel.create(1);
    try (ArtifactWriter writer = granted()) {
      ArtifactWriter.Draft draft = writer.draft("calm");
      assertThrows(IllegalArgumentException.class, () -> writer.draft("calm"));
      assertThrows(IllegalArgumentException.class, () -> writer.draft("../x"));
      assertThrows(IllegalArgumentException.class, () -> draft.block(1, model.blocks().get(1)));
      TokenTable wide = new TokenTable.Int4(ExampleModel.linear(new Random(1), 50, 97));
      assertThrows(IllegalArgumentException.class, () -> writer.head(wide));
      writer.tiedHead();
      assertThrows(IllegalStateException.class, writer::tiedHead);
      draft.block(0, model.blocks().get(0));
      assertThrows(
          IllegalStateException.class,
          () ->
              writer.publish(
                  ExampleModel.plan(3), draft, model.finalNorm(), ActivationMode.PER_GROUP));
    }
    assertEquals(Optional.empty(), store.find(ExampleModel.KEY));
  }

  @Test
  void deletesWhatDeadWritersLeftButNotWhatLiveOnesWrite() throws IOException {
    ArtifactKey other = new ArtifactKey(List.of("other"), "", "");
    ArtifactKey dead = new ArtifactKey(List.of("dead"), "", "");
    Path artifacts = cacheDir.resolve("artifacts");
    for (String left :
        List.of(dead.id() + ".tmp", dead.id() + ".bad", ExampleModel.KEY.id() + ".tmp")) {
      Files.createDirectories(artifacts.resolve(left));
      Files.writeString(artifacts.resolve(left).resolve("draft-calm.bin"), "half a bl");
    }
    ArtifactStore.Claim live =
        store.begin(other, ExampleModel.spec(3), ExampleModel.LAYOUT, 1).orElseThrow();
    try (ArtifactWriter writer = assertInstanceOf(ArtifactStore.Granted.class, live).writer()) {
      QuantizedModel model = ExampleModel.create(1);
      ExampleModel.publish(store, model);
      assertEquals(Set.of(ExampleModel.KEY.id(), other.id() + ".tmp"), entries());
      ExampleModel.write(writer, model, () -> {});
    }
    assertEquals(Set.of(ExampleModel.KEY.id(), other.id()), entries());
  }

  @Test
  void threadsThatWantTheSameKeyMakeItOnce() throws Exception {
    QuantizedModel model = ExampleModel.create(1);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<Boolean>> wrote =
          Stream.generate(() -> threads.submit(() -> makeOrFind(model))).limit(4).toList();
      int writers = 0;
      for (Future<Boolean> future : wrote) {
        writers += future.get() ? 1 : 0;
      }
      assertEquals(1, writers);
    } finally {
      threads.shutdownNow();
    }
  }

  private boolean makeOrFind(QuantizedModel model) {
    ArtifactStore.Claim claim = ExampleModel.claim(store, model.spec());
    if (claim instanceof ArtifactStore.Granted granted) {
      try (ArtifactWriter writer = granted.writer()) {
        SameModel.assertSame(model, ExampleModel.write(writer, model, Thread::yield).model());
      }
      return true;
    }
    SameModel.assertSame(model, ((ArtifactStore.Ready) claim).artifact().model());
    return false;
  }

  @Test
  void sectionsAreAlignedForVectorsAndPages() throws Exception {
    Artifact artifact = ExampleModel.publish(store, ExampleModel.create(1));
    Manifest manifest =
        Json.read(Files.readString(artifact.directory().resolve("manifest.json")), Manifest.class);
    for (Manifest.DataFile file : manifest.files().values()) {
      for (Section section : file.sections()) {
        assertEquals(0, section.offset() % Section.ALIGNMENT, section.name());
      }
    }
    assertEquals(4096, Section.aligned(1, Section.BIG));
    assertEquals(4096, Section.aligned(4096, Section.BIG));
    assertEquals(64, Section.aligned(1, Section.BIG - 1));
  }

  @Test
  void aClosedWriterCannotBeUsed() {
    ArtifactWriter writer = granted();
    writer.close();
    writer.close();
    assertThrows(IllegalStateException.class, () -> writer.draft("calm"));
    assertFalse(Files.exists(cacheDir.resolve("artifacts").resolve(ExampleModel.KEY.id())));
  }

  @Test
  void directoriesArePrivateAndPublishedFilesReadOnly() throws IOException {
    Owners.require();
    Path directory = ExampleModel.publish(store, ExampleModel.create(1)).directory();
    assertEquals("rwx------", Owners.mode(cacheDir.resolve("artifacts")));
    assertEquals("rwx------", Owners.mode(directory));
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        assertEquals("r--r--r--", Owners.mode(file), file.toString());
      }
    }
    assertEquals(
        "rw-------",
        Owners.mode(cacheDir.resolve("artifacts").resolve(ExampleModel.KEY.id() + ".lock")));
  }

  @Test
  void anOlderVersionsCacheIsUsedAndNarrowed() throws IOException {
    Owners.require();
    QuantizedModel model = ExampleModel.create(1);
    Path directory = ExampleModel.publish(store, model).directory();
    for (Path path : List.of(directory, cacheDir.resolve("artifacts"))) {
      Owners.setMode(path, "rwxrwxr-x");
    }
    for (String name : List.of("blocks.bin", "manifest.json")) {
      Owners.setMode(directory.resolve(name), "rw-rw-r--");
    }
    SameModel.assertSame(model, store.find(ExampleModel.KEY).orElseThrow().model());
    assertEquals("rwx------", Owners.mode(directory));
    assertEquals("rw-r--r--", Owners.mode(directory.resolve("blocks.bin")));
  }

  @Test
  void aLinkInAnArtifactsPlaceIsRefusedAndStays() throws IOException {
    QuantizedModel model = ExampleModel.create(1);
    Path directory = ExampleModel.publish(store, model).directory();
    Path elsewhere = cacheDir.resolve("elsewhere");
    Files.move(directory, elsewhere);
    Files.createSymbolicLink(directory, elsewhere);
    for (Executable use : List.<Executable>of(() -> store.find(ExampleModel.KEY), this::granted)) {
      String message = String.valueOf(assertThrows(ArtifactException.class, use).getMessage());
      assertTrue(message.contains(directory + ": expected a directory, got a symbolic"), message);
    }
    Files.delete(directory);
    Files.move(elsewhere, directory);
    Path blocks = directory.resolve("blocks.bin");
    Files.move(blocks, cacheDir.resolve("moved"));
    Files.createSymbolicLink(blocks, cacheDir.resolve("moved"));
    String message =
        String.valueOf(
            assertThrows(ArtifactException.class, () -> store.find(ExampleModel.KEY)).getMessage());
    assertTrue(message.contains(blocks + ": expected a file, got a symbolic link"), message);
    assertTrue(Files.exists(cacheDir.resolve("moved")));
  }

  @Test
  void whatAnotherUserOwnsIsRefusedAndNotReplaced() throws IOException {
    Owners.require();
    Path directory = ExampleModel.publish(store, ExampleModel.create(1)).directory();
    int other = Owners.giveAway(directory.resolve("tables.bin"));
    for (Executable use : List.<Executable>of(() -> store.find(ExampleModel.KEY), this::granted)) {
      String message = String.valueOf(assertThrows(ArtifactException.class, use).getMessage());
      assertTrue(message.contains("tables.bin: expected the owner to be user"), message);
      assertTrue(message.contains("got user " + other), message);
      assertTrue(message.contains("chown"), message);
    }
    assertTrue(Files.exists(directory.resolve("tables.bin")));
  }

  @Test
  void leftoversThatCannotBeDeletedAreSkippedWithAWarning() throws IOException {
    StoreFileSystem stubborn =
        new StoreFileSystem() {
          @Override
          public void delete(Path path) throws IOException {
            throw new IOException(path + ": Operation not permitted");
          }
        };
    Path artifacts = cacheDir.resolve("artifacts");
    String id = ExampleModel.KEY.id();
    String dead = new ArtifactKey(List.of("dead"), "", "").id();
    Set<String> left = Set.of(id + ".tmp", id + ".1.tmp", id + ".2.bad", dead + ".tmp");
    for (String name : left) {
      Files.createDirectories(artifacts.resolve(name).resolve("deep"));
    }
    QuantizedModel model = ExampleModel.create(1);
    try (CapturedLog log = new CapturedLog()) {
      ExampleModel.publish(new ArtifactStore(cacheDir, stubborn), model);
      for (String name : left) {
        assertTrue(
            log.lines().stream()
                .anyMatch(line -> line.contains("WARN") && line.contains(name + ": cannot be")),
            () -> name + " in " + log.lines());
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    Set<String> expected = new HashSet<>(left);
    expected.add(id);
    assertEquals(expected, entries());
    SameModel.assertSame(model, store.find(ExampleModel.KEY).orElseThrow().model());

    Path blocks = artifacts.resolve(id).resolve("blocks.bin");
    assertTrue(blocks.toFile().setWritable(true));
    Files.write(blocks, new byte[1]);
    ExampleModel.publish(new ArtifactStore(cacheDir, stubborn), model);
    SameModel.assertSame(model, store.find(ExampleModel.KEY).orElseThrow().model());

    // A disk that can, with whatever is below them.
    Files.delete(blocks);
    ExampleModel.publish(store, model);
    assertEquals(Set.of(id), entries());
  }
}
