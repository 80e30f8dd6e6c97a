import { followingContract } from './following-contract.js';
import { arrangements } from './stage.js';

followingContract(arrangements.withoutRedis);
