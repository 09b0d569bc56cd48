package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Results that cannot be written, to a file or to standard output. */
class OutputFileTest {
  private static final Path FULL = Path.of("/dev/full");

  @TempDir Path directory;

  @Test
  void aDirectoryOrFileThatIsNotWritableIsRefusedBeforeTheWork() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r--r--r--"));
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("r-xr-xr-x"));
    try {
      assumeFalse(Files.isWritable(directory), "root may write anywhere");
      for (Path each : new Path[] {file, directory.resolve("new")}) {
        IllegalArgumentException e =
            assertThrows(IllegalArgumentException.class, () -> OutputFile.require("--json", each));
        assertEquals(
            "--json: expected a file that can be written, got "
                + each
                + ": permission denied; name another file",
            e.getMessage());
      }
    } finally {
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    }
  }

  @Test
  void theMessageOfAFullDiskNamesTheFile() {
    assumeTrue(Files.isWritable(FULL), "this system has no " + FULL);
    IOException e =
        assertThrows(IOException.class, () -> OutputFile.write("--json", FULL, "results"));
    assertTrue(
        e.getMessage().startsWith("--json: expected to write /dev/full, got: "), e.getMessage());
  }

  @Test
  void aCutFileIsDeleted() throws IOException {
    Path file = Files.writeString(directory.resolve("cut"), "before");
    requireFull(file);
    assertFalse(Files.exists(file));
  }

  @Test
  void aCutFileBehindALinkIsEmptiedAndTheLinkIsKept() throws IOException {
    Path file = Files.writeString(directory.resolve("cut"), "before");
    Path link = Files.createSymbolicLink(directory.resolve("link"), file);
    requireFull(link);
    assertTrue(Files.isSymbolicLink(link));
    assertEquals("", Files.readString(file));
  }

  private static void requireFull(Path file) {
    IOException e =
        assertThrows(IOException.class, () -> OutputFile.write("--out", file, OutputFileTest::cut));
    assertEquals(
        "--out: expected to write %s, got: No space left on device; free space, or name another file"
            .formatted(file),
        e.getMessage());
  }

  private static void cut(OutputStream out) throws IOException {
    out.write('c');
    throw new IOException("No space left on device");
  }

  /** An export writes under a temporary name: a file with its own name is complete or another's. */
  @Test
  void aFileThatWasNotOpenedIsKept() throws IOException {
    Path file = Files.writeString(directory.resolve("whole"), "whole");
    IOException full =
        OutputFile.failure("--out", file, new IOException("No space left on device"));
    assertTrue(full.getMessage().startsWith("--out: expected to write " + file), full.getMessage());
    assertEquals("whole", Files.readString(file));
  }

  @Test
  void aTextWithHalfOfASurrogatePairIsWritten() throws IOException {
    Path file = directory.resolve("text");
    OutputFile.write("--json", file, "a\ud800b\u00e9");
    assertEquals("a?b\u00e9", Files.readString(file));
  }

  @Test
  void inputThatIsADirectoryIsNamed() {
    String model = Repository.path("models/calm-tiny-llama").toString();
    for (String option : new String[] {"--text", "--tasks"}) {
      CommandRun run = CommandRun.of("eval", model, option, directory.toString());
      assertEquals(1, run.status());
      assertTrue(
          run.err().startsWith("calm: " + option + ": expected a file, got the directory "),
          run.err());
    }
  }

  @Test
  void aCommandWhosePrintedResultIsLostFails() {
    PrintStream before = System.out;
    try {
      System.setOut(new PrintStream(new Full(), true, StandardCharsets.UTF_8));
      assertEquals(1, Main.run(Main.commandLine(), "--version"));
      System.setOut(new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8));
      assertEquals(0, Main.run(Main.commandLine(), "--version"));
    } finally {
      System.setOut(before);
    }
  }

  private static final class Full extends OutputStream {
    @Override
    public void write(int b) throws IOException {
      throw new IOException("No space left on device");
    }
  }
}
