package io.calm.host;

import io.calm.serving.contract.HttpContract;
import io.calm.testing.NettyLeaks;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract on the embedded host. */
@ExtendWith(NettyLeaks.Check.class)
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
