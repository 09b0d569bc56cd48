package io.calm.files;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Owners;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrivateFilesTest {
  private final Path cache;

  PrivateFilesTest(@TempDir Path directory) {
    this.cache = directory.resolve("cache");
  }

  @BeforeEach
  void onlyWhereThereAreModes() {
    Owners.require();
  }

  private static void assertRefused(String expected, Executable use) {
    String message = String.valueOf(assertThrows(UntrustedPathException.class, use).getMessage());
    assertTrue(message.contains(expected), message);
  }

  @Test
  void aFileIsReplacedWholeOrNotAtAll() throws IOException {
    Path directory = PrivateFiles.directory(cache, "small");
    for (byte[] bytes : new byte[][] {{1, 2, 3}, {4}}) {
      PrivateFiles.replace(directory, "name", bytes);
      assertArrayEquals(bytes, PrivateFiles.read(directory.resolve("name")));
      assertEquals("r--r--r--", Owners.mode(directory.resolve("name")));
    }
    Files.createDirectories(directory.resolve("taken").resolve("deep"));
    assertThrows(IOException.class, () -> PrivateFiles.replace(directory, "taken", new byte[] {5}));
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(
          List.of("name", "taken"),
          files.map(file -> file.getFileName().toString()).sorted().toList());
    }
  }

  @Test
  void directoriesAreOfThisUserAlone() throws IOException {
    Path made = PrivateFiles.directory(cache, "artifacts", "deep");
    assertEquals(cache.resolve("artifacts").resolve("deep"), made);
    for (Path path : new Path[] {cache, made.getParent(), made}) {
      assertEquals("rwx------", Owners.mode(path));
    }
    assertTrue(PrivateFiles.isDirectory(cache, "artifacts", "deep"));
    assertFalse(PrivateFiles.isDirectory(cache, "artifacts", "other"));
    assertFalse(PrivateFiles.isDirectory(cache.resolve("none"), "artifacts"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"rwxr-xr-x", "rwxrwxr-x", "rwxrwxrwx"})
  void whatAnOlderVersionMadeIsNarrowed(String before) throws IOException {
    Path artifacts = Files.createDirectories(cache.resolve("artifacts"));
    Owners.setMode(artifacts, before);
    Owners.setMode(cache, before);
    assertTrue(PrivateFiles.isDirectory(cache, "artifacts"));
    assertEquals("rwx------", Owners.mode(artifacts));
    assertEquals("rwxr-xr-x", Owners.mode(cache), "the operator's own, but others cannot write it");

    Path file = Files.writeString(artifacts.resolve("blocks.bin"), "x");
    Owners.setMode(file, "rw-rw-rw-");
    assertArrayEquals(new byte[] {'x'}, PrivateFiles.read(file));
    assertEquals("rw-r--r--", Owners.mode(file));
  }

  @Test
  void aStickyCacheDirectoryIsLeftAlone() throws IOException {
    Files.createDirectories(cache);
    Files.setAttribute(cache, "unix:mode", 01777);
    PrivateFiles.directory(cache, "artifacts");
    assertEquals("rwxrwxrwx", Owners.mode(cache));
    assertEquals("rwx------", Owners.mode(cache.resolve("artifacts")));
  }

  @Test
  void theCacheDirectoryMayBeALinkButNothingBelowIt() throws IOException {
    Path elsewhere = Files.createDirectories(cache.resolveSibling("elsewhere"));
    Files.createSymbolicLink(cache, elsewhere);
    PrivateFiles.directory(cache, "digests");
    assertTrue(Files.isDirectory(elsewhere.resolve("digests")));

    Files.createSymbolicLink(cache.resolve("artifacts"), elsewhere);
    assertRefused("got a symbolic link", () -> PrivateFiles.directory(cache, "artifacts"));
    assertRefused("got a symbolic link", () -> PrivateFiles.isDirectory(cache, "artifacts"));
    Files.writeString(cache.resolve("samples"), "");
    assertRefused("got something else", () -> PrivateFiles.directory(cache, "samples"));
  }

  @Test
  void noFileIsReadOrWrittenByALink() throws IOException {
    PrivateFiles.directory(cache);
    Path target = Files.writeString(cache.resolve("target"), "secret");
    Path link = Files.createSymbolicLink(cache.resolve("link"), target);
    assertRefused("got a symbolic link", () -> PrivateFiles.open(link));
    assertRefused("got a symbolic link", () -> PrivateFiles.read(link));
    assertThrows(IOException.class, () -> PrivateFiles.openOrCreate(link));
    assertThrows(FileAlreadyExistsException.class, () -> PrivateFiles.create(link));
    Path dangling = Files.createSymbolicLink(cache.resolve("dangling"), cache.resolve("none"));
    assertThrows(IOException.class, () -> PrivateFiles.create(dangling));
    assertThrows(IOException.class, () -> PrivateFiles.openOrCreate(dangling));
    assertFalse(Files.exists(cache.resolve("none")));
    assertEquals("secret", Files.readString(target));
    assertThrows(NoSuchFileException.class, () -> PrivateFiles.open(cache.resolve("missing")));
  }

  @Test
  void filesAreWrittenAs0600AndPublishedAs0444() throws IOException {
    PrivateFiles.directory(cache);
    Path file = cache.resolve("file");
    try (FileChannel channel = PrivateFiles.create(file)) {
      assertEquals("rw-------", Owners.mode(file));
      channel.write(ByteBuffer.wrap(new byte[] {1, 2, 3}));
    }
    PrivateFiles.seal(file);
    assertEquals("r--r--r--", Owners.mode(file));
    assertArrayEquals(new byte[] {1, 2, 3}, PrivateFiles.read(file));
    PrivateFiles.openOrCreate(cache.resolve("lock")).close();
    PrivateFiles.openOrCreate(cache.resolve("lock")).close();
    assertEquals("rw-------", Owners.mode(cache.resolve("lock")));
  }

  @Test
  void whatAnotherUserOwnsIsRefusedWithPathOwnerAndRemedy() throws IOException {
    Path artifacts = PrivateFiles.directory(cache, "artifacts");
    Path file = Files.writeString(artifacts.resolve("blocks.bin"), "x");
    int other = Owners.giveAway(file);
    assertRefused(file + ": expected the owner to be user ", () -> PrivateFiles.open(file));
    assertRefused("got user " + other, () -> PrivateFiles.open(file));
    assertRefused("chown", () -> PrivateFiles.open(file));
    Owners.giveAway(artifacts);
    assertRefused(artifacts + ": expected", () -> PrivateFiles.directory(cache, "artifacts"));
    assertRefused("calm.cache-dir", () -> PrivateFiles.isDirectory(cache, "artifacts"));
    Owners.giveAway(cache);
    assertRefused(cache + ": expected", () -> PrivateFiles.directory(cache, "other"));
  }

  @Test
  void fileSystemsWithOwnersOfTheirOwnSayNothingAboutWhoCanWrite() {
    PosixStatus nobodys = new PosixStatus(65534, 0777);
    PosixStatus others = new PosixStatus(1234, 0777);
    assertTrue(nobodys.isMeant("ext4"));
    assertTrue(others.isMeant("overlay"));
    assertTrue(others.isMeant("nfs4"));
    assertFalse(nobodys.isMeant("nfs4"));
    assertFalse(others.isMeant("cifs"));
    assertFalse(others.isMeant("9p"));
  }

  @Test
  void aFileThatIsCutShortIsToldFromOneThatIsReplacedOrDeleted() throws IOException {
    PrivateFiles.directory(cache);
    Path file = Files.writeString(cache.resolve("file"), "12345");
    FileStamp stamp = FileStamp.of(file);
    assertTrue(stamp.cutShort().isEmpty());
    Files.writeString(file, "123456");
    assertTrue(stamp.cutShort().isEmpty(), "longer");
    Files.writeString(file, "123");
    assertEquals(
        file + ": expected 5 bytes, as it was opened, got 3: it was cut short while in use",
        stamp.cutShort().orElseThrow());
    Path other = Files.writeString(cache.resolve("other"), "");
    Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
    assertTrue(stamp.cutShort().isEmpty(), "another file");
    Files.delete(file);
    assertTrue(stamp.cutShort().isEmpty(), "deleted");
  }

  @Test
  void aFileThatIsWrittenToIsToldFromOneThatIsReplacedOrDeleted() throws IOException {
    PrivateFiles.directory(cache);
    Path file = Files.writeString(cache.resolve("file"), "12345");
    FileStamp stamp = FileStamp.of(file);
    assertTrue(stamp.rewritten().isEmpty());
    Files.writeString(file, "54321");
    Files.setLastModifiedTime(file, FileTime.from(Instant.parse("2030-01-01T00:00:00Z")));
    assertEquals(
        "%s: expected 5 bytes of %s, as it was opened, got 5 of 2030-01-01T00:00:00Z: it was written to while in use"
            .formatted(file, stamp.modified()),
        stamp.rewritten().orElseThrow());
    Files.writeString(file, "123");
    assertEquals(stamp.cutShort(), stamp.rewritten());
    Path other = Files.writeString(cache.resolve("other"), "");
    Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
    assertTrue(stamp.rewritten().isEmpty(), "another file");
    Files.delete(file);
    assertTrue(stamp.rewritten().isEmpty(), "deleted");
  }
}
