import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { getCallerIdentityOutput } from '@pulumi/aws/getCallerIdentity.js';
import * as pulumi from '@pulumi/pulumi';
import { alarms, alarmTopic } from './alarms.ts';
import { parseConfig } from './config.ts';
import { functions } from './functions.ts';
import { image } from './image.ts';
import { master } from './master.ts';
import { network } from './network.ts';
import { policyParameter } from './policy.ts';
import { secrets } from './secrets.ts';
import { state } from './state.ts';
import { triggers } from './triggers.ts';
import { workers } from './workers.ts';

/** Ends the program with a sentence. The stack would say nothing, and Pulumi takes seconds to colour it. */
function refuse(sentence: string): never {
  const error = new pulumi.RunError(sentence);
  delete error.stack;
  throw error;
}

const parsed = parseConfig(pulumi.getProject(), pulumi.runtime.allConfig());
if (!parsed.ok) {
  refuse(`the configuration is not right:\n  ${parsed.problems.join('\n  ')}`);
}
const { config } = parsed;

const codeDir = resolve(import.meta.dirname, config.bundle);
if (!existsSync(codeDir)) {
  refuse(`node-fleet:bundle: expected the folder of the built functions, got ${config.bundle}`);
}

const place = getCallerIdentityOutput().accountId.apply((accountId) => ({
  region: config.region,
  accountId,
  clusterId: config.clusterId,
}));

const ground = network(config);
const memory = state(config);
const boxes = secrets(config);
const picture = image(config);
const topic = alarmTopic(config);
const document = policyParameter(config);
const fleet = workers(config, place, ground, boxes, picture);
const code = functions(config, place, ground, memory, boxes, fleet, topic, document, codeDir);
const server = master(config, place, ground, boxes, picture, code.alertUrl);
triggers(config, place, code);
alarms(config, topic, code, server);

export const clusterId = config.clusterId;
export const mode = config.mode;
export const vpcId = ground.vpcId;
/** For a load balancer in front of the shop: neither group lets the internet in. */
export const masterSecurityGroupId = ground.masterGroup.id;
export const workerSecurityGroupId = ground.workerGroup.id;
export const masterInstanceId = server.id;
export const masterPrivateIp = server.privateIp;
export const autoscaler = code.autoscaler.name;
export const alertUrl = code.alertUrl;
export const alarmTopicArn = topic.arn;
/** The policy document: mode, policy, settings, and the kill switch. */
export const policyDocument = document.name;
export const stateTable = memory.stateTable.name;
export const journalTable = memory.journalTable.name;
export const workerTemplates = { onDemand: fleet.onDemand.id, spot: fleet.spot.id };
export const workerTemplateVersion = fleet.templateVersion;
