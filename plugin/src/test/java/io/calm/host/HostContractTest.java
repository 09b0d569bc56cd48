package io.calm.host;

import io.calm.serving.contract.HttpContract;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The contract on the embedded host. */
class HostContractTest implements HttpContract {
  private static TestHost host = TestHost.closed();

  @BeforeAll
  static void start() throws Exception {
    host = TestHost.start();
    host.serve("scripted");
  }

  @AfterAll
  static void stop() {
    host.close();
  }

  @Override
  public String baseUrl() {
    return host.url();
  }
}
