package io.calm.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.calm.testing.JavaProcess;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ExportOutputTest {
  @TempDir Path directory;

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> String.valueOf(file.getFileName())).toList();
    }
  }

  /** Fills an output. */
  static void fill(Path out, ExportOutput.Kind kind) throws IOException {
    if (kind == ExportOutput.Kind.FILE) {
      Files.writeString(out, "content");
    } else {
      Files.writeString(out.resolve("a"), "content");
      Files.createDirectory(out.resolve("b"));
      Files.writeString(out.resolve("b").resolve("c"), "content");
    }
  }

  @ParameterizedTest
  @EnumSource(ExportOutput.Kind.class)
  void theNameAppearsWithTheWholeOutput(ExportOutput.Kind kind) throws IOException {
    Path target = directory.resolve("target");
    try (ExportOutput output = ExportOutput.open(target, kind)) {
      fill(output.path(), kind);
      assertTrue(Files.notExists(target));
      output.publish();
    }
    assertEquals(List.of("target"), names());
    Path file = kind == ExportOutput.Kind.FILE ? target : target.resolve("b").resolve("c");
    assertEquals("content", Files.readString(file));
  }

  @ParameterizedTest
  @EnumSource(ExportOutput.Kind.class)
  void aFailureLeavesNothing(ExportOutput.Kind kind) throws IOException {
    assertThrows(
        IllegalStateException.class,
        () -> {
          try (ExportOutput output = ExportOutput.open(directory.resolve("target"), kind)) {
            fill(output.path(), kind);
            throw new IllegalStateException("a fault of the test");
          }
        });
    assertEquals(List.of(), names());
  }

  @ParameterizedTest
  @EnumSource(ExportOutput.Kind.class)
  void aNameThatIsTakenMeanwhileIsKept(ExportOutput.Kind kind) throws IOException {
    Path target = directory.resolve("target");
    try (ExportOutput output = ExportOutput.open(target, kind)) {
      fill(output.path(), kind);
      Files.writeString(target, "mine");
      ExportException e = assertThrows(ExportException.class, output::publish);
      assertTrue(String.valueOf(e.getMessage()).contains("one that exists"), e.getMessage());
    }
    assertEquals(List.of("target"), names());
    assertEquals("mine", Files.readString(target));
  }

  @Test
  void everyNameThatTheFileSystemAcceptsIsPossible() throws IOException {
    Path longest = directory.resolve("n".repeat(255));
    try (ExportOutput output = ExportOutput.open(longest, ExportOutput.Kind.FILE)) {
      fill(output.path(), ExportOutput.Kind.FILE);
      output.publish();
    }
    assertEquals("content", Files.readString(longest));
    Path longer = directory.resolve("n".repeat(256));
    ExportException e = assertThrows(ExportException.class, () -> ExportOutput.requireFree(longer));
    assertTrue(e.getMessage().contains("a name that the file system accepts"), e.getMessage());
  }

  @Test
  void aDirectoryWithoutPermissionsIsNamed() throws IOException {
    Path closed = Files.createDirectory(directory.resolve("closed"));
    Set<PosixFilePermission> before = Files.getPosixFilePermissions(closed);
    Files.setPosixFilePermissions(closed, Set.of());
    try {
      assumeFalse(Files.isWritable(closed), "root may write anywhere");
      ExportException e =
          assertThrows(
              ExportException.class, () -> ExportOutput.requireFree(closed.resolve("out.gguf")));
      assertTrue(e.getMessage().contains("a name in a directory that is writable"), e.getMessage());
    } finally {
      Files.setPosixFilePermissions(closed, before);
    }
  }

  @Test
  void aReasonIsNeverMissing() {
    String where = directory.toString();
    assertEquals(
        "File name too long",
        ExportOutput.reason(new FileSystemException(where, null, "File name too long")));
    assertEquals(
        "java.nio.file.AccessDeniedException: " + where,
        ExportOutput.reason(new AccessDeniedException(where)));
    assertEquals("java.io.IOException", ExportOutput.reason(new IOException()));
  }

  @Test
  void aLinkToNothingIsAName() throws IOException {
    Path link = Files.createSymbolicLink(directory.resolve("link"), directory.resolve("gone"));
    assertThrows(ExportException.class, () -> ExportOutput.requireFree(link));
  }

  /** A process that writes until it is stopped. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) throws IOException {
      ExportOutput.Kind kind = ExportOutput.Kind.valueOf(args[1]);
      try (ExportOutput output = ExportOutput.open(Path.of(args[0]), kind)) {
        fill(output.path(), kind);
        System.out.println("written");
        Path file = kind == ExportOutput.Kind.FILE ? output.path() : output.path().resolve("a");
        try (OutputStream out = ExportOutput.stream(file)) {
          while (true) {
            out.write(1);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(ExportOutput.Kind.class)
  void aStoppedProcessLeavesNothing(ExportOutput.Kind kind) throws Exception {
    try (JavaProcess child =
        JavaProcess.of(Child.class, directory.resolve("target").toString(), kind.name())
            .flags("-XX:TieredStopAtLevel=1")
            .start()) {
      assertEquals("written", child.line());
      assertEquals(1, names().size());
      child.terminate();
      child.await();
      assertEquals(List.of(), names());
    }
  }
}
