import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import engineService from '@pulumi/pulumi/proto/engine_grpc_pb.js';
import enginePb from '@pulumi/pulumi/proto/engine_pb.js';
import monitorService from '@pulumi/pulumi/proto/resource_grpc_pb.js';
import providerPb from '@pulumi/pulumi/proto/provider_pb.js';
import monitorPb from '@pulumi/pulumi/proto/resource_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import structPb from 'google-protobuf/google/protobuf/struct_pb.js';
import { parse } from 'yaml';
import { readFileSync } from 'node:fs';

const infra = dirname(import.meta.dirname);

/** A resource as Pulumi's engine is asked for it, with the options that mocks do not show. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly protect: boolean;
  readonly ignoreChanges: readonly string[];
  readonly deleteBeforeReplace: boolean;
  /** Names of what must exist first. */
  readonly dependencies: readonly string[];
}

export interface Ran {
  readonly exitCode: number | null;
  /** Errors that the program reported to Pulumi's engine, and whatever it printed. */
  readonly said: string;
  readonly registered: readonly Registered[];
}

type Call<Request, Response> = (
  call: grpc.ServerUnaryCall<Request, Response>,
  answer: grpc.sendUnaryData<Response>,
) => void;

function empty(): Call<unknown, unknown> {
  return (_call, answer) => {
    answer(null, new emptyPb.Empty());
  };
}

const INVOKED: Readonly<Record<string, Record<string, structPb.JavaScriptValue>>> = {
  'aws:index/getCallerIdentity:getCallerIdentity': { accountId: '123456789012' },
  'aws:ssm/getParameter:getParameter': { insecureValue: 'ami-0' },
  'aws:ec2/getAmi:getAmi': { rootDeviceName: '/dev/xvda' },
};

/** Runs the program as the CLI does, by Pulumi.yaml and Pulumi's own runner, against an engine that makes nothing. */
export async function runAsPulumi(config: Readonly<Record<string, string>>): Promise<Ran> {
  const registered: Registered[] = [];
  const heard: string[] = [];
  const server = new grpc.Server();
  server.addService(monitorService.ResourceMonitorService, {
    supportsFeature: ((_call, answer) => {
      const response = new monitorPb.SupportsFeatureResponse();
      response.setHassupport(false);
      answer(null, response);
    }) satisfies Call<unknown, monitorPb.SupportsFeatureResponse>,
    invoke: (({ request }, answer) => {
      const response = new providerPb.InvokeResponse();
      response.setReturn(structPb.Struct.fromJavaScript(INVOKED[request.getTok()] ?? {}));
      answer(null, response);
    }) satisfies Call<monitorPb.ResourceInvokeRequest, providerPb.InvokeResponse>,
    registerResource: (({ request }, answer) => {
      const type = request.getType();
      const name = request.getName();
      registered.push({
        type,
        name,
        protect: request.getProtect() === true,
        ignoreChanges: request.getIgnorechangesList(),
        deleteBeforeReplace: request.getDeletebeforereplace() === true,
        dependencies: request.getDependenciesList().map((urn) => urn.split('::').at(-1)!),
      });
      const response = new monitorPb.RegisterResourceResponse();
      response.setUrn(`urn:pulumi:prod::node-fleet::${type}::${name}`);
      response.setId(`id-${name}`);
      response.setObject(request.getObject());
      answer(null, response);
    }) satisfies Call<monitorPb.RegisterResourceRequest, monitorPb.RegisterResourceResponse>,
    registerResourceOutputs: empty(),
    signalAndWaitForShutdown: empty(),
  } as unknown as grpc.UntypedServiceImplementation);
  let root = '';
  server.addService(engineService.EngineService, {
    log: (({ request }, answer) => {
      if (request.getSeverity() > enginePb.LogSeverity.WARNING) {
        heard.push(request.getMessage());
      }
      answer(null, new emptyPb.Empty());
    }) satisfies Call<enginePb.LogRequest, emptyPb.Empty>,
    getRootResource: ((_call, answer) => {
      const response = new enginePb.GetRootResourceResponse();
      response.setUrn(root);
      answer(null, response);
    }) satisfies Call<unknown, enginePb.GetRootResourceResponse>,
    setRootResource: (({ request }, answer) => {
      root = request.getUrn();
      answer(null, new enginePb.SetRootResourceResponse());
    }) satisfies Call<enginePb.SetRootResourceRequest, enginePb.SetRootResourceResponse>,
  } as unknown as grpc.UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) {
        resolve(bound);
      } else {
        reject(error);
      }
    });
  });

  const project = parse(readFileSync(join(infra, 'Pulumi.yaml'), 'utf8')) as {
    name: string;
    main: string;
    runtime: { options: { nodeargs: string; typescript: boolean } };
  };
  const { nodeargs, typescript } = project.runtime.options;
  try {
    const child = spawn(
      process.execPath,
      [
        ...nodeargs.split(' '),
        join(infra, 'node_modules/@pulumi/pulumi/cmd/run/index.js'),
        `--monitor=127.0.0.1:${port}`,
        `--engine=127.0.0.1:${port}`,
        `--project=${project.name}`,
        '--stack=prod',
        `--pwd=${infra}`,
        project.main,
      ],
      {
        cwd: infra,
        env: {
          PATH: process.env['PATH'],
          PULUMI_NODEJS_TYPESCRIPT: String(typescript),
          PULUMI_CONFIG: JSON.stringify(config),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => heard.push(text));
    }
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    return { exitCode, said: heard.join('\n'), registered };
  } finally {
    server.forceShutdown();
  }
}
