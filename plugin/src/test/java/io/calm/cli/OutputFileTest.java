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
import java.nio.file.AccessDeniedException;
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
  void aCutFileIsDeletedAndAFileThatWasNotOpenedIsKept() throws IOException {
    Path file = Files.writeString(directory.resolve("cut"), "cut");
    OutputFile.failure("--out", file, new AccessDeniedException(file.toString()));
    assertTrue(Files.exists(file));
    IOException full =
        OutputFile.failure("--out", file, new IOException("No space left on device"));
    assertTrue(full.getMessage().startsWith("--out: expected to write " + file), full.getMessage());
    assertFalse(Files.exists(file));
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
