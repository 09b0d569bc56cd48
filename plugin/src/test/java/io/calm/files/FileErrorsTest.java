package io.calm.files;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import org.junit.jupiter.api.Test;

class FileErrorsTest {
  @Test
  void everyErrorHasAReasonInWords() {
    assertEquals("text that is not UTF-8", FileErrors.reason(new MalformedInputException(1)));
    assertEquals("no such file", FileErrors.reason(new NoSuchFileException("/m")));
    assertEquals("permission denied", FileErrors.reason(new AccessDeniedException("/m")));
    assertEquals(
        "Is a directory", FileErrors.reason(new FileSystemException("/m", null, "Is a directory")));
    assertEquals("a loop of symbolic links", FileErrors.reason(new FileSystemLoopException("/m")));
    assertEquals("not a directory", FileErrors.reason(new NotDirectoryException("/m")));
    assertEquals("an interruption", FileErrors.reason(new ClosedByInterruptException()));
    assertEquals("an error of the file system", FileErrors.reason(new IOException()));
    assertEquals(
        "disk full", FileErrors.reason(new UncheckedIOException(new IOException("disk full"))));
    assertEquals("disk full", FileErrors.reason(new IOException("disk full")));
  }
}
