package io.calm.serving.djl;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.serving.contract.HttpContract;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** The HTTP contract, inside a real DJL Serving: the plugin jar with a scripted model. */
class DjlServingContractIT implements HttpContract {
  private static Optional<RealDjlServing> server = Optional.empty();

  @BeforeAll
  static void start(@TempDir Path directory) throws IOException, InterruptedException {
    assumeTrue(RealDjlServing.classPath().isPresent(), RealDjlServing.WHERE_TO_FIND_ONE);
    server = Optional.of(RealDjlServing.start(RealDjlServing.Setup.scripted(directory, false)));
  }

  @AfterAll
  static void stop() {
    server.ifPresent(RealDjlServing::close);
  }

  @Override
  public String baseUrl() {
    return server.orElseThrow().inference().toString();
  }
}
