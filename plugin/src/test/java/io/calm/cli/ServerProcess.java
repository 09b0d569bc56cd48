package io.calm.cli;

import io.calm.testing.JavaProcess;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A {@code calm serve} whose models answer.
 *
 * @param url where it listens
 * @param models their names, in the order in which they became ready
 */
record ServerProcess(JavaProcess java, URI url, List<String> models) implements AutoCloseable {
  private static final Pattern READY = Pattern.compile("(\\S+) is ready at (http://\\S+),.*");

  /** Starts a server and waits until this many models are ready. */
  static ServerProcess start(JavaProcess.Command command, int count)
      throws IOException, InterruptedException {
    JavaProcess java = command.start();
    try {
      return awaitReady(java, count);
    } catch (Throwable e) {
      java.close();
      throw e;
    }
  }

  private static ServerProcess awaitReady(JavaProcess java, int count)
      throws IOException, InterruptedException {
    List<String> ready = new ArrayList<>();
    while (true) {
      Matcher matcher = READY.matcher(java.line());
      if (matcher.matches()) {
        ready.add(matcher.group(1));
        if (ready.size() == count) {
          return new ServerProcess(java, URI.create(matcher.group(2)), ready);
        }
      }
    }
  }

  @Override
  public void close() throws IOException {
    java.close();
  }
}
