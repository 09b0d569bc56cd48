package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.files.FileStamp;
import io.calm.testing.SealedFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FileDigestsTest {
  private static final String ABC =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  private static final FileTime OLD = FileTime.from(Instant.parse("2024-01-01T00:00:00Z"));

  private final Path directory;
  private final Path file;
  private final FileDigests digests;

  FileDigestsTest(@TempDir Path directory) throws IOException {
    this.directory = directory;
    file = directory.resolve("model.gguf");
    digests = new FileDigests(directory.resolve("cache"));
    overwrite(file, "abc", OLD);
  }

  private void overwrite(String text, FileTime time) throws IOException {
    overwrite(file, text, time);
  }

  private static void overwrite(Path file, String text, FileTime time) throws IOException {
    Files.writeString(file, text);
    Files.setLastModifiedTime(file, time);
  }

  private static List<FileStamp> stamps(Path file) throws IOException {
    return List.of(FileStamp.of(file));
  }

  private List<Path> entries() throws IOException {
    Path cache = directory.resolve("cache").resolve("digests");
    if (!Files.isDirectory(cache)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(cache)) {
      return entries.toList();
    }
  }

  /** Bytes that change behind the same size and time show that the file is not read again. */
  @Test
  void anAnswerIsComputedOncePerContent() throws IOException {
    Path other = directory.resolve("other");
    overwrite(other, "other", OLD);
    for (boolean value : new boolean[] {true, false}) {
      String question = "q" + value;
      assertEquals(value, digests.answer(question, stamps(other), () -> value));
      FileDigests later = new FileDigests(directory.resolve("cache"));
      BooleanSupplier never =
          () -> {
            throw new AssertionError("it is remembered");
          };
      assertEquals(value, later.answer(question, stamps(other), never));
      assertEquals(!value, later.answer(question + "?", stamps(other), () -> !value));
    }
    overwrite(other, "changed", OLD);
    assertEquals(false, digests.answer("qtrue", stamps(other), () -> false));
    try (Stream<Path> entries = Files.list(directory.resolve("cache/digests"))) {
      for (Path entry : entries.toList()) {
        Files.delete(entry);
        Files.writeString(entry, "damaged");
      }
    }
    assertEquals(true, digests.answer("qtrue", stamps(other), () -> true));
  }

  /** The answer is of an open file, which has lost its name to another one. */
  @Test
  void anAnswerIsNotRememberedForAFileThatWasReplacedSince() throws IOException {
    List<FileStamp> opened = stamps(file);
    Path other = directory.resolve("other");
    overwrite(other, "xyz", OLD);
    String refusal =
        file
            + ": expected a finished file, but it changed while it was read; retry when nothing"
            + " writes it";
    BooleanSupplier replacing =
        () -> {
          assertDoesNotThrow(() -> Files.move(other, file, StandardCopyOption.REPLACE_EXISTING));
          return true;
        };
    for (BooleanSupplier compute : List.of(replacing, () -> true)) {
      ArtifactException refused =
          assertThrows(ArtifactException.class, () -> digests.answer("q", opened, compute));
      assertEquals(refusal, refused.getMessage());
    }
    assertFalse(digests.answer("q", stamps(file), () -> false));
  }

  @Test
  void aFileIsRefusedBeforeItIsRead() throws IOException {
    IllegalStateException refusal = new IllegalStateException("refused");
    BooleanSupplier refuses =
        () -> {
          throw refusal;
        };
    assertEquals(
        refusal,
        assertThrows(
            IllegalStateException.class, () -> digests.answer("q", stamps(file), refuses)));
    assertEquals(List.of(), entries());
  }

  @Test
  void aDigestIsRememberedAcrossStarts() throws IOException {
    assertEquals(ABC, digests.sha256(file));
    overwrite("xyz", OLD);
    assertEquals(ABC, new FileDigests(directory.resolve("cache")).sha256(file));
    assertEquals(List.of(ABC), digests.sha256(List.of(file)));
  }

  @Test
  void anotherSizeTimeOrFileIsReadAgain() throws IOException {
    assertEquals(ABC, digests.sha256(file));
    overwrite("xyz", FileTime.from(OLD.toInstant().plusNanos(1000)));
    assertNotEquals(ABC, digests.sha256(file));
    overwrite("abcd", OLD);
    assertNotEquals(ABC, digests.sha256(file));
    overwrite("abc", OLD);
    assertEquals(ABC, digests.sha256(file));
    Path other = directory.resolve("other");
    Files.writeString(other, "xyz");
    Files.setLastModifiedTime(other, OLD);
    Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
    assertNotEquals(ABC, digests.sha256(file));
    assertEquals(1, entries().size());
  }

  @Test
  void aFileThatJustChangedIsNotRemembered() throws IOException {
    overwrite("abc", FileTime.from(Instant.now()));
    assertEquals(ABC, digests.sha256(file));
    assertEquals(List.of(), entries());
  }

  @Test
  void aDamagedEntryCostsAReading() throws IOException {
    assertEquals(ABC, digests.sha256(file));
    Path entry = entries().get(0);
    byte[] whole = Files.readAllBytes(entry);
    for (int at = 0; at < whole.length; at++) {
      byte[] damaged = whole.clone();
      damaged[at] ^= 1;
      SealedFiles.overwrite(entry, damaged);
      assertEquals(ABC, digests.sha256(file));
    }
    SealedFiles.overwrite(entry, new byte[0]);
    assertEquals(ABC, digests.sha256(file));
  }

  @Test
  void aLinkIsItsTarget() throws IOException {
    assertEquals(ABC, digests.sha256(file));
    Path link = Files.createSymbolicLink(directory.resolve("link"), file);
    assertEquals(ABC, digests.sha256(link));
    assertEquals(1, entries().size());
  }

  @Test
  void aCacheThatCannotBeWrittenIsNoError() throws IOException {
    Path notADirectory = Files.writeString(directory.resolve("plain"), "file");
    assertEquals(ABC, new FileDigests(notADirectory).sha256(file));
  }

  /** Bytes that change behind the same size and time show that the file is not read again. */
  @Test
  void aReadOnlyCacheCostsOneReadingPerProcess() throws IOException {
    Path notADirectory = Files.writeString(directory.resolve("plain"), "file");
    assertEquals(ABC, new FileDigests(notADirectory).sha256(file));
    try (CapturedLog log = new CapturedLog()) {
      overwrite("xyz", OLD);
      assertEquals(ABC, new FileDigests(notADirectory).sha256(file));
      assertEquals(List.of(), log.lines());
    }
    overwrite("abcd", OLD);
    assertNotEquals(ABC, new FileDigests(notADirectory).sha256(file));
  }

  @Test
  void aFailureToRememberIsOneLineWithItsReason() throws IOException {
    Path notADirectory = Files.writeString(directory.resolve("plain"), "file");
    try (CapturedLog log = new CapturedLog()) {
      new FileDigests(notADirectory).sha256(file);
      String line = log.lines().get(log.lines().size() - 1);
      assertTrue(line.endsWith("; it is computed at every start"), line);
      assertTrue(line.contains("cannot be written (java.nio.file."), line);
    }
  }

  @Test
  void aDamagedEntryIsReportedOnce() throws IOException {
    digests.sha256(file);
    Path entry = entries().get(0);
    Files.delete(entry);
    Files.writeString(entry, "damaged");
    try (CapturedLog log = new CapturedLog()) {
      assertTrue(digests.answer("q", stamps(file), () -> true));
      assertEquals(1, log.lines().size(), () -> String.join("\n", log.lines()));
    }
  }

  @Test
  void anEntryThatCouldNotBeWrittenIsWrittenOnceItCan() throws IOException {
    Path cache = Files.writeString(directory.resolve("cache"), "in the way");
    assertEquals(ABC, digests.sha256(file));
    Files.delete(cache);
    assertEquals(ABC, digests.sha256(file));
    assertEquals(1, entries().size());
  }

  @Test
  void aMissingFileIsNamed() {
    Path missing = directory.resolve("missing.gguf");
    ArtifactException refused =
        assertThrows(ArtifactException.class, () -> digests.sha256(missing));
    assertEquals(
        "%s: cannot be read: no such file; check path and permissions".formatted(missing),
        refused.getMessage());
  }
}
